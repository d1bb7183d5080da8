"""Cache fields that a model does not take: refused as OpenAI refuses them."""

from __future__ import annotations

from collections.abc import Collection

from headstart.dialects.base import DialectError
from headstart.dialects.hosted import Call


def check_cache_fields(
    call: Call, *, breakpoints: bool, retentions: Collection[str] | None = None
) -> None:
    """DialectError for ``prompt_cache_options`` and breakpoints where the model has none
    (gpt-5.5 and older), and for a ``prompt_cache_retention`` that is not among
    ``retentions`` (None: any). The text is the one seen for ``prompt_cache_retention``;
    those of the others were not seen."""
    retention = call.prompt.controls.retention
    if retention is not None and retentions is not None and retention not in retentions:
        raise _unsupported("prompt_cache_retention")
    if breakpoints:
        return
    if call.body.get("prompt_cache_options") is not None:
        raise _unsupported("prompt_cache_options")
    if call.prompt.marked:
        raise _unsupported("prompt_cache_breakpoint")


def _unsupported(field: str) -> DialectError:
    text = f"{field} is not supported on this model"
    return DialectError(400, "invalid_request_error", text, field, "invalid_parameter")
