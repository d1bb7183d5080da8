"""Prompts in the attributes and events of GenAI spans, in each of their forms.

``gen_ai.system_instructions``, ``gen_ai.input.messages`` and ``gen_ai.tool.definitions`` are
structures, or JSON in text; older instrumentations have ``gen_ai.prompt.N.role`` and
``.content``, or an event ``gen_ai.user.message`` for each message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from headstart.audit.importers.bodies import body_of
from headstart.audit.importers.contract import Unreadable
from headstart.audit.importers.values import any_of, decoded
from headstart.prompt import Prompt

_NUMBERED: Final = re.compile(r"gen_ai\.prompt\.(\d{1,5})\.(role|content|tool_call_id)")
_EVENTS: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_ROLES: Final = ("system", "developer", "user", "assistant", "tool")


def prompt_in(attributes: Mapping[str, Any], events: Any, model: str) -> Prompt | None:
    """None where a span has none, or none that can be read."""
    messages = list(_structured(attributes)) or _numbered(attributes) or list(_in_events(events))
    if not messages:
        return None
    tools = [_tool(tool) for tool in _list(attributes.get("gen_ai.tool.definitions"))]
    body = {"model": model, "messages": messages, **({"tools": tools} if tools else {})}
    try:
        return body_of(msgspec.json.encode(body), provider="openai").prompt
    except (Unreadable, ValueError, RecursionError, TypeError):
        return None


def _structured(attributes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    system = _list(attributes.get("gen_ai.system_instructions"))
    messages = _list(attributes.get("gen_ai.input.messages"))
    if not messages:
        return
    if system:
        yield {"role": "system", "content": [_part(part) for part in system]}
    for message in messages:
        yield from _message(message)


def _message(message: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(message, dict):
        return
    role = message.get("role")
    parts = _list(message.get("parts")) or _list(message.get("content"))
    if not parts and isinstance(message.get("content"), str):
        parts = [{"type": "text", "content": message["content"]}]
    calls, texts = [], []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "tool_call":
            function = {"name": str(part.get("name")), "arguments": _text(part.get("arguments"))}
            calls.append({"id": _text(part.get("id")), "type": "function", "function": function})
        elif kind == "tool_call_response":
            result = any_of(part, "response", "result")
            call = _text(part.get("id"))
            yield {"role": "tool", "tool_call_id": call, "content": _text(result)}
        else:
            texts.append(_part(part))
    if texts or calls:
        shown = {"role": role if role in _ROLES else "user"}
        yield {
            **shown,
            **({"content": texts} if texts else {}),
            **({"tool_calls": calls} if calls else {}),
        }


def _part(part: Any) -> dict[str, Any]:
    """A part of a message in the form of Chat Completions; what is no text by its JSON."""
    if isinstance(part, dict) and part.get("type") in (None, "text"):
        return {"type": "text", "text": _text(any_of(part, "content", "text"))}
    return {"type": "text", "text": _text(part)}


def _numbered(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        match = _NUMBERED.fullmatch(name)
        if match is not None:
            found.setdefault(int(match[1]), {})[match[2]] = _text(value)
    return [
        {**message, "role": message["role"] if message.get("role") in _ROLES else "user"}
        for _, message in sorted(found.items())
        if "content" in message
    ]


def _in_events(events: Any) -> Iterator[dict[str, Any]]:
    for event in events if isinstance(events, list) else ():
        role = _EVENTS.get(str(event.get("name"))) if isinstance(event, dict) else None
        held = event.get("attributes") if role else None
        if isinstance(held, list):
            held = {str(i.get("key")): i.get("value") for i in held if isinstance(i, dict)}
        content = any_of(held, "content", "gen_ai.event.content")
        if isinstance(content, dict):
            content = any_of(content, "stringValue", "string_value", "content")
        if role and content is not None:
            yield {"role": role, "content": _text(content)}


def _tool(tool: Any) -> dict[str, Any]:
    if isinstance(tool, dict) and isinstance(tool.get("function"), dict):
        return {"type": "function", "function": tool["function"]}
    held = {k: v for k, v in tool.items() if k != "type"} if isinstance(tool, dict) else {}
    return {"type": "function", "function": {"name": "", **held}}


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        value = decoded(value.encode("utf-8", "replace"))
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
