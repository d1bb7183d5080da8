"""The blocks of a built prompt, read for a wire format that has its own form of each.

``PromptBuilder`` and ``Conversation`` hold text, tool definitions, tool calls and tool
results in one form, Anthropic's. Prompts that a dialect read hold that dialect's blocks:
what is in none of these forms is refused by name, never dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import groupby
from typing import Any, Literal, NamedTuple

from headstart.prompt import Kind, Prompt, Segment


class Text(NamedTuple):
    """A block of text."""

    text: str
    ttl: float | None
    """Seconds, here and below, if a cache directive stands on the block."""


class Tool(NamedTuple):
    """The definition of a tool; ``schema`` is the JSON Schema of its input."""

    name: str
    description: str
    schema: Mapping[str, Any]
    ttl: float | None


class ToolUse(NamedTuple):
    """A call of a tool."""

    id: str
    name: str
    input: Any
    ttl: float | None


class ToolResult(NamedTuple):
    """What the call ``id`` of the tool ``name`` gave."""

    id: str
    name: str
    texts: tuple[str, ...]
    failed: bool
    ttl: float | None


Block = Text | ToolUse | ToolResult
Role = Literal["system", "user", "assistant"]


class Message(NamedTuple):
    """One message; tool results are the user's."""

    role: Role
    blocks: list[Block]


class Sections(NamedTuple):
    """A whole prompt."""

    tools: list[Tool]
    system: list[Text]
    messages: list[Message]


def sections(prompt: Prompt, dialect: str) -> Sections:
    """The prompt's blocks, in its order; ValueError that names a segment of another form,
    and the dialect it was to be written for."""
    found = Sections([], [], [])
    reader = _Reader(dialect)
    by_message = groupby(enumerate(prompt.segments), lambda at: (at[1].kind, at[1].message))
    for (kind, _), run in by_message:
        segments = list(run)
        if kind is Kind.TOOL:
            found.tools.extend(reader.tool(*at) for at in segments)
        elif kind is Kind.SYSTEM:
            found.system.extend(reader.text(*at) for at in segments)
        else:
            blocks = [reader.block(*at) for at in segments]
            found.messages.append(Message(_role(segments[0][1]), blocks))
    return found


def joined(messages: Collection[Message]) -> list[Message]:
    """Messages in a row that have one role, as one: for APIs that want roles to alternate."""
    return [
        Message(role, [block for message in run for block in message.blocks])
        for role, run in groupby(messages, lambda message: message.role)
    ]


def lifetime(asked: float, offered: Collection[float]) -> float:
    """The shortest of the offered lifetimes that lasts as long as asked, or else the
    longest one there is; all in seconds."""
    return min((seconds for seconds in offered if seconds >= asked), default=max(offered))


def unwritable(place: int, segment: Segment, dialect: str) -> ValueError:
    """The error about a segment whose block the dialect has no form for."""
    at = f"segment {place} ({segment.role}, message {segment.message}, part {segment.part})"
    content = segment.content
    kind = content.get("type", segment.type) if isinstance(content, Mapping) else segment.type
    return ValueError(f"{at}: {dialect} has no form for this block of type {kind!r}")


class _Reader:
    """Reads one segment after the other, and remembers the names of calls."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._names: dict[str, str] = {}

    def tool(self, place: int, segment: Segment) -> Tool:
        content = segment.content
        if not isinstance(content, Mapping) or "type" in content:
            raise unwritable(place, segment, self._dialect)
        name, schema = content.get("name"), content.get("input_schema")
        if not isinstance(name, str) or not isinstance(schema, Mapping):
            raise unwritable(place, segment, self._dialect)
        return Tool(name, str(content.get("description", "")), schema, segment.ttl)

    def text(self, place: int, segment: Segment) -> Text:
        block = self.block(place, segment)
        if not isinstance(block, Text):
            raise unwritable(place, segment, self._dialect)
        return block

    def block(self, place: int, segment: Segment) -> Block:
        content, ttl = segment.content, segment.ttl
        if isinstance(content, str) and segment.type == "text":
            return Text(content, ttl)
        # A dialect that read the segment may have called a block of its own the same.
        if isinstance(content, Mapping) and content.get("type") == segment.type:
            match content:
                case {"type": "text", "text": str(text)}:
                    return Text(text, ttl)
                case {"type": "tool_use", "id": str(call), "name": str(name), "input": given}:
                    self._names[call] = name
                    return ToolUse(call, name, given, ttl)
                case {"type": "tool_result", "tool_use_id": str(call)}:
                    texts = _texts(content.get("content"))
                    if texts is not None:
                        name = self._names.get(call, "")
                        return ToolResult(call, name, texts, bool(content.get("is_error")), ttl)
        raise unwritable(place, segment, self._dialect)


def _role(segment: Segment) -> Role:
    match segment.role:
        case "assistant":
            return "assistant"
        case "system":
            return "system"
    return "user"


def _texts(content: Any) -> tuple[str, ...] | None:
    """The texts of a tool's result; None if there is something else in it."""
    found: list[str] = []
    for item in content if isinstance(content, list) else [content or ""]:
        match item:
            case str(text) | {"type": "text", "text": str(text)}:
                found.append(text)
            case _:
                return None
    return tuple(text for text in found if text)
