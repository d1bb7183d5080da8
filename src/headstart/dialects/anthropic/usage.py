"""Usage, stop reasons and errors in the Messages API's terms.

Its ``input_tokens`` is the rest that was neither read from nor written to a cache.
"""

from __future__ import annotations

from typing import Any

from headstart.dialects.base import DialectError, Outcome
from headstart.usage import Usage

STOP_REASONS = {"stop": "end_turn", "stop_sequence": "stop_sequence", "length": "max_tokens"}


def message_object(outcome: Outcome, model: str, response_id: str) -> dict[str, Any]:
    """A whole message: one text block, or none where there is no text."""
    return {
        "id": response_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": outcome.text}] if outcome.text else [],
        "stop_reason": STOP_REASONS[outcome.reason],
        "stop_sequence": outcome.stop_sequence,
        "usage": message_usage(outcome.usage),
    }


def message_usage(usage: Usage) -> dict[str, Any]:
    """``usage`` of a whole message, and of ``message_start``.

    The API knows two lifetimes; what was written for any other counts with the 5 m ones,
    so that the two always add up to ``cache_creation_input_tokens``.
    """
    return {
        "input_tokens": usage.fresh,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.written - usage.write_1h,
            "ephemeral_1h_input_tokens": usage.write_1h,
        },
        "output_tokens": usage.output,
        "server_tool_use": None,
        "service_tier": "standard",
    }


def delta_usage(usage: Usage) -> dict[str, int]:
    """Cumulative ``usage`` of ``message_delta``, which has no ``cache_creation`` split."""
    return {
        "input_tokens": usage.fresh,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.read,
        "output_tokens": usage.output,
    }


def error_object(err: DialectError) -> dict[str, Any]:
    """The ``error`` event's data; an error body adds ``request_id``."""
    return {"type": "error", "error": {"type": err.kind, "message": err.message}}
