"""Request bodies as logs have them, read by the dialect that they are in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from headstart.audit.importers.addresses import (
    NOWHERE,
    Address,
    provider_named,
    provider_of,
)
from headstart.audit.importers.contract import Unreadable
from headstart.audit.importers.values import decoded, name_of
from headstart.dialects import COMPATIBLE, DialectError, Hosted, OpenAIChat
from headstart.explain.detect import Undetected, dialect_of
from headstart.prompt import Prompt

_UNNAMED: Final = "unnamed"
"""Stands in for a model while a body without one is read."""
_OF_CLAUDE: Final = ("anthropic", "bedrock", "vertex")
_STRANGE: Final = re.compile(r"[^\w.\[\]-]")
_HEADERS: Final = ("anthropic-version", "x-session-id", "x-grok-conv-id")
"""All that is ever looked at of a request's headers."""


class Body(NamedTuple):
    """One request as its provider got it."""

    hosted: Hosted
    provider: str | None
    model: str
    stream: bool | None
    prompt: Prompt


def body_of(
    raw: bytes | msgspec.Raw,
    *,
    model: str | None = None,
    provider: str | None = None,
    address: Address = NOWHERE,
    headers: Mapping[str, str] | None = None,
) -> Body:
    """Read a request body, which may also be JSON within a JSON string; Unreadable.

    ``model`` and ``provider`` are what the log says of it beside the body.
    """
    raw = unquoted(raw)
    data = decoded(raw)
    if not isinstance(data, dict):
        raise Unreadable("its request is no JSON object")
    given = name_of(data.get("model"))
    name = address.model or model or given or name_of(data.get("modelId")) or ""
    named = provider_named(provider) or address.provider
    hosted = address.hosted or _hosted(data, name, named)
    prompt = _prompt(hosted, raw, None if given else name or _UNNAMED, headers)
    if not name:
        prompt = replace(prompt, model="")
    stream = address.stream if address.stream is not None else data.get("stream")
    return Body(
        hosted,
        named or _provider(hosted, name, data),
        name or prompt.model,
        stream if isinstance(stream, bool) else None,
        prompt,
    )


def unquoted(raw: bytes | msgspec.Raw) -> bytes:
    """The JSON in a JSON string; anything else as it is."""
    data = bytes(raw)
    if not data.startswith(b'"'):
        return data
    text = decoded(data)
    return text.encode("utf-8", "replace") if isinstance(text, str) else data


def kept_headers(headers: Any) -> dict[str, str]:
    """The few headers that say how a request is meant, by their lower-case names. All others,
    credentials among them, are dropped here."""
    pairs: Any = headers.items() if isinstance(headers, dict) else ()
    if isinstance(headers, list):
        pairs = [(h.get("name"), h.get("value")) for h in headers if isinstance(h, dict)]
    found = {str(key).lower(): value for key, value in pairs if isinstance(value, str)}
    return {key: found[key] for key in _HEADERS if key in found}


def _hosted(data: dict[str, Any], model: str, provider: str | None) -> Hosted:
    try:
        found = dialect_of(data, model or None)
    except Undetected:
        raise Unreadable("its request is in no dialect that is known") from None
    if not isinstance(found, OpenAIChat):
        return found
    # What many speak in much the same way, each provider reads in its own. Claude's directives
    # on parts of a Chat Completion are what gateways make of it, OpenRouter's among them.
    claude = provider in _OF_CLAUDE or "claude" in model
    return COMPATIBLE.get("openrouter" if claude else provider or "", found)


def _prompt(
    hosted: Hosted, body: bytes, model: str | None, headers: Mapping[str, str] | None
) -> Prompt:
    try:
        # Logs leave out limits, which a request can't and a token count's body may.
        return hosted.read(body, model=model, headers=headers, operation="count").prompt
    except DialectError as error:
        where = _STRANGE.sub("?", error.param or "")[:80]
        what = f": {where}" if where else ""
        raise Unreadable(f"not a request that {hosted.name} takes{what}") from None


def _provider(hosted: Hosted, model: str, data: dict[str, Any]) -> str | None:
    version = data.get("anthropic_version")
    if hosted.name == "anthropic" and isinstance(version, str) and version.startswith("vertex"):
        return "vertex"
    return _of_model(hosted, model)


@lru_cache(1024)
def _of_model(hosted: Hosted, model: str) -> str | None:
    return provider_of(hosted, model)
