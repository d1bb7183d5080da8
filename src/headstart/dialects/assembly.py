"""Where a parser puts what it finds, in prompt order.

It keeps three views of one prompt in step: segments (what a cache sees), chat messages
(what a template takes), and places (where a cache marker may stand in either).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from headstart.dialects.body import Path
from headstart.prompt import Kind, Prompt, Segment

TOOLS = -1
"""Stands for the tools where a message index is expected."""


@dataclass(slots=True)
class Place:
    """Where one block ends. ``mark`` is its (chat message, part); ``eligible`` says
    whether a cache marker may stand on it."""

    path: Path
    mark: tuple[int, int]
    segment: int
    ttl: float | None
    eligible: bool = True


@dataclass(slots=True)
class Assembly:
    """A prompt under construction."""

    segments: list[Segment] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)

    def open(self, role: str, **extra: Any) -> None:
        """Begin a chat message; ``extra`` without its None values goes into it."""
        given = {key: value for key, value in extra.items() if value is not None}
        self.messages.append({"role": role, "parts": [], **given})

    def tool(
        self, text: str, content: Any, function: dict[str, Any], place: Path, ttl: float | None
    ) -> None:
        """Add a tool definition; ``function`` is its OpenAI-style form."""
        index = len(self.tools)
        self.tools.append({"type": "function", "function": function})
        self.segments.append(Segment(Kind.TOOL, "tools", -1, index, text, content, ttl))
        self.places.append(Place(place, (TOOLS, index), len(self.segments) - 1, ttl))

    def segment(
        self, role: str, message: int, part: int, text: str, content: Any, ttl: float | None
    ) -> None:
        """Add a content block as caches see it."""
        kind = Kind.SYSTEM if role == "system" else Kind.MESSAGE
        self.segments.append(Segment(kind, role, message, part, text, content, ttl))

    def text(self, text: str) -> None:
        """Add a part to the open chat message."""
        self.messages[-1]["parts"].append(text)

    def call(self, call_id: str, name: str, arguments: Any) -> None:
        """Add a tool call to the open chat message."""
        function = {"name": name, "arguments": arguments}
        calls = self.messages[-1].setdefault("tool_calls", [])
        calls.append({"id": call_id, "type": "function", "function": function})

    def place(self, path: Path, ttl: float | None, *, eligible: bool = True) -> None:
        """Note that a block ends here: after the last part or call of the open message."""
        message = self.messages[-1]
        end = len(message["parts"]) + len(message.get("tool_calls", ()))
        mark = (len(self.messages) - 1, max(end - 1, 0))
        self.places.append(Place(path, mark, len(self.segments) - 1, ttl, eligible))

    def prompt(self, model: str) -> Prompt:
        """The segments, each with the TTL of the last marker that stands on it."""
        segments = list(self.segments)
        for place in self.places:
            if place.ttl is not None:
                segments[place.segment] = replace(segments[place.segment], ttl=place.ttl)
        return Prompt(model, tuple(segments))

    def marks(self) -> tuple[tuple[int, int, float], ...]:
        """Every place that carries a TTL, in prompt order."""
        return tuple((*place.mark, place.ttl) for place in self.places if place.ttl is not None)

    def chat(self) -> tuple[dict[str, Any], ...]:
        """The chat messages, their parts as tuples."""
        return tuple({**message, "parts": tuple(message["parts"])} for message in self.messages)
