"""Whose wire format a request body is in, and which providers take it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from headstart.dialects import (
    COMPATIBLE,
    AnthropicHosted,
    BedrockConverse,
    BedrockInvoke,
    Gemini,
    Hosted,
    OpenAIChat,
    OpenAIResponses,
)
from headstart.dialects.body import decode
from headstart.providers import provider_of_model, rules_for

_DIALECTS: Final[Mapping[str, Hosted]] = {
    hosted.name: hosted
    for hosted in (
        AnthropicHosted(),
        OpenAIChat(),
        OpenAIResponses(),
        Gemini(),
        BedrockConverse(),
        BedrockInvoke(),
        *COMPATIBLE.values(),
    )
}
_SERVED: Final = {
    "anthropic": ("anthropic", "vertex", "azure"),
    "openai-chat": ("openai", "azure"),
    "openai-responses": ("openai", "azure"),
    "gemini": ("gemini", "vertex"),
    "bedrock-converse": ("bedrock",),
    "bedrock-invoke": ("bedrock",),
}
"""The other dialects are named after the one provider that speaks them."""
_RESPONSES = ("input", "previous_response_id", "conversation", "instructions")
_CONVERSE = ("inferenceConfig", "toolConfig", "additionalModelRequestFields", "guardrailConfig")
_ANTHROPIC = ("system", "anthropic_version", "stop_sequences")
_ANTHROPIC_BLOCKS = ("tool_use", "tool_result", "thinking", "document", "image")


class Undetected(ValueError):
    """A body that is in no known dialect; the text says why."""


def dialect_named(name: str) -> Hosted:
    """ValueError with the known names for one that is unknown."""
    try:
        return _DIALECTS[name]
    except KeyError:
        known = ", ".join(sorted(_DIALECTS))
        raise ValueError(f"unknown dialect {name!r} (known: {known})") from None


def detect(body: bytes, model: str | None = None) -> Hosted:
    """The dialect of a request body, by the fields that only one of them has.

    A body of messages that could be Anthropic's as well as a Chat Completion is the first if
    its model's name begins with "claude", and else the second, of the model's provider.
    ``model`` is the one that counts, where it is not the body's. Undetected for what is no
    JSON object or has no prompt in it.
    """
    try:
        return dialect_of(decode(body), model)
    except Undetected:
        raise
    except ValueError as error:
        raise Undetected(f"not a JSON object: {error}") from None


def dialect_of(data: dict[str, Any], model: str | None = None) -> Hosted:
    """The same of a body that is decoded."""
    if "contents" in data:
        return _DIALECTS["gemini"]
    if "messages" in data:
        return _of_messages(data, model)
    if any(name in data for name in _RESPONSES):
        return _DIALECTS["openai-responses"]
    raise Undetected("no known dialect: it has no field messages, input or contents")


def served(dialect: str, model: str, at: date) -> tuple[str, ...]:
    """The providers that take this dialect and have rules for the model; where none has, the
    first that takes it."""
    takers = _SERVED.get(dialect, (dialect,))
    named = tuple(name for name in takers if not rules_for(name, model, at)[1])
    return named or takers[:1]


def _of_messages(data: dict[str, Any], model: str | None) -> Hosted:
    version = data.get("anthropic_version")
    bedrock = isinstance(version, str) and version.startswith("bedrock")
    if bedrock or data.get("schemaVersion") == "messages-v1":
        return _DIALECTS["bedrock-invoke"]
    if any(name in data for name in _CONVERSE) or "type" not in next(_blocks(data), {"type": ""}):
        return _DIALECTS["bedrock-converse"]
    named = model or data.get("model")
    name = named if isinstance(named, str) else ""
    if _is_anthropic(data, name):
        return _DIALECTS["anthropic"]
    provider = "openrouter" if "/" in name else provider_of_model(name)
    return COMPATIBLE.get(provider or "", _DIALECTS["openai-chat"])


def _is_anthropic(data: dict[str, Any], model: str) -> bool:
    if any(name in data for name in _ANTHROPIC):
        return True
    tools = data.get("tools")
    if isinstance(tools, list) and any(isinstance(t, dict) and "input_schema" in t for t in tools):
        return True
    if any(block.get("type") in _ANTHROPIC_BLOCKS for block in _blocks(data)):
        return True
    if not model.startswith("claude") or "max_tokens" not in data:
        return False
    return all(message.get("role") in ("user", "assistant") for message in _messages(data))


def _messages(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = data["messages"]
    return (
        (item for item in found if isinstance(item, dict)) if isinstance(found, list) else iter(())
    )


def _blocks(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Content blocks of all messages, where content is a list."""
    for message in _messages(data):
        content = message.get("content")
        if isinstance(content, list):
            yield from (block for block in content if isinstance(block, dict))
