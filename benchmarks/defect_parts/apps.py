"""An app's traffic: conversations as requests, and requests as the bodies of a dialect."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from benchmarks.defect_parts.sessions import Said, Session
from headstart.dialects import AnthropicHosted, Call, Hosted, OpenAIChat

NEXT, LATER = (4.0, 45.0), (20.0, 90.0)
"""Seconds between two requests of a conversation, and between two conversations' starts where
they follow each other."""


@dataclass(frozen=True, slots=True)
class App:
    """What all requests of one application have in common."""

    name: str
    provider: str
    model: str
    system: str
    tools: tuple[dict[str, Any], ...]

    @property
    def hosted(self) -> Hosted:
        """Its wire format."""
        return AnthropicHosted() if self.provider == "anthropic" else OpenAIChat()


@dataclass(frozen=True, slots=True)
class Ask:
    """One request before it is written down."""

    app: App
    conversation: str
    time: float
    model: str
    system: str
    tools: tuple[dict[str, Any], ...]
    messages: tuple[Said, ...]
    marked: bool = True
    body: bytes = field(default=b"", compare=False)

    def call(self) -> Call:
        """As the dialect reads it."""
        return self.app.hosted.read(self.body)


def tools_of(found: Sequence[Session], app: str, least: int = 3) -> tuple[dict[str, Any], ...]:
    """Definitions of the tools that conversations call, with the arguments they give."""
    seen: dict[str, dict[str, str]] = {}
    for session in found:
        for said in (said for turn in session.turns for said in turn if said.call):
            assert said.call is not None
            name, arguments = said.call
            try:
                given = msgspec.json.decode(arguments)
            except ValueError:
                continue
            for key, value in given.items() if isinstance(given, dict) else ():
                seen.setdefault(name, {})[key] = _kind(value)
    if len(seen) < least:
        seen = {
            "search": {"query": "string", "limit": "integer"},
            "open_file": {"path": "string", "start": "integer"},
            "run_command": {"command": "string"},
            "finish": {"answer": "string"},
        }
    return tuple(
        {
            "name": name,
            "description": f"The tool {name.replace('_', ' ')} of the {app} application. Call it "
            f"with {', '.join(sorted(keys))}; it answers with text.",
            "schema": {
                "type": "object",
                "properties": {key: {"type": kind} for key, kind in keys.items()},
                "required": sorted(keys),
            },
        }
        for name, keys in sorted(seen.items())
    )


def asks(
    app: App, found: Sequence[Session], start: float, chance: random.Random, *, mixed: bool
) -> list[Ask]:
    """The app's requests in order of time; ``mixed``: conversations run side by side."""
    every: list[Ask] = []
    at = start
    for number, session in enumerate(found):
        now, messages = at, tuple[Said, ...]()
        for turn in session.turns:
            messages += turn
            name = f"{app.name}-{number}"
            every.append(Ask(app, name, now, app.model, app.system, app.tools, messages))
            now += chance.uniform(*NEXT)
        at = at + chance.uniform(*NEXT) if mixed else now + chance.uniform(*LATER)
    return sorted(every, key=lambda ask: ask.time)


def written(ask: Ask) -> Ask:
    """With its body."""
    body = _messages_body(ask) if ask.app.provider == "anthropic" else _chat_body(ask)
    return replace(ask, body=msgspec.json.encode(body))


def _messages_body(ask: Ask) -> dict[str, Any]:
    mark = {"cache_control": {"type": "ephemeral"}} if ask.marked else {}
    messages: list[dict[str, Any]] = []
    call = 0
    for said in ask.messages:
        block: dict[str, Any] = {"type": "text", "text": said.text or "(no text)"}
        if said.call:
            call += 1
            given = msgspec.json.decode(said.call[1])
            block = {"type": "tool_use", "id": f"toolu_{call:04}", "name": said.call[0]}
            block["input"] = given
        elif said.answers and call:
            block = {"type": "tool_result", "tool_use_id": f"toolu_{call:04}"}
            block["content"] = said.text
        content = [block]
        if said.parts > 1:
            content = [{"type": "text", "text": piece} for piece in _cut(said)]
        messages.append({"role": said.role, "content": content})
    messages[-1]["content"][-1] |= mark
    return {
        "model": ask.model,
        "max_tokens": 1024,
        "tools": [
            {
                "name": tool["name"],
                "description": tool["description"],
                "input_schema": tool["schema"],
            }
            for tool in ask.tools
        ],
        "system": [{"type": "text", "text": ask.system} | mark],
        "messages": messages,
    }


def _chat_body(ask: Ask) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": ask.system}]
    call = 0
    for said in ask.messages:
        if said.call:
            call += 1
            function = {"name": said.call[0], "arguments": said.call[1]}
            called = [{"id": f"call_{call:04}", "type": "function", "function": function}]
            messages.append({"role": "assistant", "content": None, "tool_calls": called})
        elif said.answers and call:
            result = {"role": "tool", "tool_call_id": f"call_{call:04}", "content": said.text}
            messages.append(result)
        else:
            messages.append({"role": said.role, "content": said.text or "(no text)"})
    tools = [
        {
            "type": "function",
            "function": {
                "name": tool["name"],
                "description": tool["description"],
                "parameters": tool["schema"],
            },
        }
        for tool in ask.tools
    ]
    return {"model": ask.model, "tools": tools, "messages": messages}


def _cut(said: Said) -> list[str]:
    size = max(1, len(said.text) // said.parts)
    pieces = [said.text[i * size : (i + 1) * size] for i in range(said.parts - 1)]
    return [piece or "." for piece in (*pieces, said.text[(said.parts - 1) * size :])]


def _kind(value: object) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), "string")
