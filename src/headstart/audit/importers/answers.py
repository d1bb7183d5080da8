"""Responses as logs have them: usage in exclusive buckets, whatever convention it is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from headstart.audit.importers.values import any_of, decoded, member, name_of, number_of
from headstart.dialects import (
    AnthropicHosted,
    BedrockInvoke,
    Gemini,
    Hosted,
    OpenAIChat,
    OpenAIResponses,
)
from headstart.dialects.openai import Format
from headstart.dialects.openai.usage_fields import UsageFields
from headstart.usage import Usage

_ANTHROPIC, _GEMINI, _BEDROCK = AnthropicHosted(), Gemini(), BedrockInvoke()
_CHAT, _RESPONSES = OpenAIChat(), OpenAIResponses()
_NORMALISED: Final = OpenAIChat(
    Format(
        name="litellm",
        usage=UsageFields(
            cached=("cache_read_input_tokens", "prompt_tokens_details.cached_tokens"),
            written="cache_creation_input_tokens",
            by_ttl={
                "cache_creation_token_details.ephemeral_1h_input_tokens": "write_1h",
                "prompt_tokens_details.cache_creation_token_details"
                ".ephemeral_1h_input_tokens": "write_1h",
            },
            bucket="write_5m",
        ),
        settings=(),
    )
)
"""Anthropic's counts put beside OpenAI's, in which they are included: as LiteLLM does."""
_TOLD: Final = (
    *("usage", "usageMetadata", "diagnostics", "prompt_cache_diagnostics", "stop_reason"),
    *("x_groq", "status", "incomplete_details"),
)
"""What dialects look at in a whole response, apart from its content."""


class Answer(NamedTuple):
    """What a response says; None is what it does not say."""

    usage: Usage | None = None
    id: str | None = None
    model: str | None = None
    confirmed: str | None = None
    cost: float | None = None


NO_ANSWER: Final = Answer()


def answer_of(raw: msgspec.Raw | bytes | None, hosted: Hosted | None = None) -> Answer:
    """Of a response body: JSON, JSON or an event stream in a JSON string, or a list of a
    stream's events. ``hosted`` is the request's dialect. Never raises."""
    return answer_in(decoded(raw), hosted)


def answer_in(value: Any, hosted: Hosted | None = None) -> Answer:
    """The same of a value that is decoded."""
    if isinstance(value, str):
        text = value.lstrip()
        if not text.startswith(("{", "[")):
            return _streamed(value.encode("utf-8", "replace"), hosted)
        value = decoded(text.encode("utf-8", "replace"))
    if isinstance(value, list):
        events = [b"data: " + msgspec.json.encode(item) + b"\n\n" for item in value]
        return _streamed(b"".join(events), hosted)
    return _whole(value, hosted) if isinstance(value, Mapping) else NO_ANSWER


def usage_in(usage: Any, hosted: Hosted | None = None) -> Usage | None:
    """Exclusive buckets of a ``usage`` object on its own. Never raises."""
    return _whole({"usage": usage}, hosted).usage if isinstance(usage, Mapping) else None


def _whole(value: Mapping[str, Any], hosted: Hosted | None) -> Answer:
    inner = value.get("response")
    if "usage" not in value and isinstance(inner, Mapping):
        value = inner
    told = {name: value[name] for name in _TOLD if name in value}
    if "usage" not in told and "choices" in value:
        told["choices"] = value["choices"]
    speaks = _speaker(value, hosted)
    facts = speaks.facts(msgspec.json.encode(told)) if told and speaks else None
    confirmed = facts.diagnosis.reason if facts and facts.diagnosis else None
    return Answer(
        facts.usage if facts else None,
        name_of(any_of(value, "id", "responseId", "response_id")),
        name_of(any_of(value, "model", "modelVersion")),
        confirmed.value if confirmed else None,
        number_of(member(value, "usage", "cost")),
    )


def _speaker(value: Mapping[str, Any], hosted: Hosted | None) -> Hosted | None:
    """Whose convention the counts are in, by their own names first."""
    if "usageMetadata" in value:
        return _GEMINI
    usage = value.get("usage")
    if not isinstance(usage, Mapping):
        return hosted
    if "inputTokens" in usage:
        return _BEDROCK
    if "prompt_tokens" in usage or "prompt_cache_hit_tokens" in usage:
        if "cache_read_input_tokens" in usage or "cache_creation_input_tokens" in usage:
            return _NORMALISED
        return hosted if isinstance(hosted, OpenAIChat) else _CHAT
    if "input_tokens_details" in usage or value.get("object") == "response":
        return _RESPONSES
    if "input_tokens" in usage:
        return hosted if hosted is not None and hosted.name == "openai-responses" else _ANTHROPIC
    return hosted


def _streamed(data: bytes, hosted: Hosted | None) -> Answer:
    """An event stream, as text."""
    if b'"usageMetadata"' in data or b'"candidates"' in data:
        hosted = _GEMINI
    elif b'"message_start"' in data:
        hosted = _ANTHROPIC
    elif b'"response.' in data:
        hosted = _RESPONSES
    elif not isinstance(hosted, OpenAIChat):
        hosted = _CHAT
    reader = hosted.usage_reader()
    reader.feed(data if data.endswith(b"\n\n") else data + b"\n\n")
    diagnosis = reader.facts.diagnosis
    reason = diagnosis.reason if diagnosis else None
    return Answer(reader.facts.usage, *_named(data), reason.value if reason is not None else None)


def _named(data: bytes) -> tuple[str | None, str | None]:
    """Id and model, from the first event that names them."""
    for line in data[: 1 << 16].splitlines():
        if not line.startswith(b"data:"):
            continue
        value = decoded(line[5:])
        for holder in (member(value, "message"), member(value, "response"), value):
            name = name_of(any_of(holder, "id", "responseId"))
            if name is not None:
                return name, name_of(any_of(holder, "model", "modelVersion"))
    return None, None
