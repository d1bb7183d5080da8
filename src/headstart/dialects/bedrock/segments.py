"""Tools, system text and messages of a Converse request, as a cache keys them.

A cache point is an element of its own and no segment: it marks the segment before it. In
Nova's own request bodies it may also be a member of the block that it marks.
"""

from __future__ import annotations

from typing import Any

from headstart.dialects.anthropic.cache_control import FIVE_MINUTES, ONE_HOUR, settle
from headstart.dialects.anthropic.content import canonical
from headstart.dialects.assembly import Place
from headstart.dialects.base import DialectError
from headstart.dialects.bedrock.errors import complain, dotted, invalid, of_model
from headstart.dialects.body import Fields
from headstart.prompt import Kind, Segment

POINT = "cachePoint"
_TTLS = {"5m": FIVE_MINUTES, "1h": ONE_HOUR}
_ROLES = ("user", "assistant", "system")
_TYPES = {
    "toolUse": "tool_use",
    "toolResult": "tool_result",
    "reasoningContent": "thinking",
}
_AFTER_REASONING = (
    "Cache point cannot be inserted after reasoning block. "
    "Please remove the invalid cache point and try again."
)


class ConverseSegments:
    """The segments of one request, and what else only a walk over its blocks can tell."""

    __slots__ = ("_on_block", "_places", "citations", "images", "segments")

    def __init__(self, fields: Fields, *, on_block: bool) -> None:
        """Read tools, system and messages; DialectError. ``on_block``: a cache point may be
        a member of the block that it marks."""
        self.segments: list[Segment] = []
        self.images = False
        self.citations = False
        self._on_block = on_block
        self._places: list[Place] = []
        tools = fields.child("toolConfig")
        if tools is not None:
            self._section(tools.children("tools"), Kind.TOOL, "tools", -1)
        self._section(fields.children("system"), Kind.SYSTEM, "system", -1)
        for index, message in enumerate(fields.children("messages")):
            role = message.choice("role", _ROLES)
            message.required("content", list)
            self._section(message.children("content"), Kind.MESSAGE, role, index)
        if not any(segment.kind is Kind.MESSAGE for segment in self.segments):
            text = "A conversation must start with a user message. Try again with a conversation"
            raise invalid(f"{text} that starts with a user message.", "messages")
        try:
            settle(self._places, None)
        except DialectError as err:
            raise of_model(err) from None

    def _section(self, blocks: list[Fields], kind: Kind, role: str, message: int) -> None:
        part = 0
        for block in blocks:
            point = block.child(POINT)
            if point is not None and len(block.data) == 1:
                self._mark(block, point)
                continue
            if point is not None and not self._on_block:
                raise complain(block.path, "value", "only one member of a union can be set")
            self._block(block, kind, role, message, part)
            part += 1
            if point is not None:
                self._mark(block, point)

    def _block(self, block: Fields, kind: Kind, role: str, message: int, part: int) -> None:
        data = block.data
        if POINT in data:
            data = {key: value for key, value in data.items() if key != POINT}
        name = next(iter(data), None)
        if name is None:
            raise complain(block.path, "missing", "no member of the union is set")
        if data.get("text") == "":
            text = f"The text field in the ContentBlock object at {dotted(block.path)} is blank."
            raise invalid(f"{text} Add text to the text field, and try again.", dotted(block.path))
        if kind is Kind.TOOL:
            name = "tool"
        elif name == "toolResult":
            role = "tool"
            self._result(Fields(data, block.path, complain))
        self._note(data)
        key = canonical(data)
        self.segments.append(
            Segment(
                kind,
                role,
                message,
                part,
                _shown(data, key),
                block.data,
                None,
                _TYPES.get(name, name),
                key,
                name != "reasoningContent",
            )
        )

    def _result(self, block: Fields) -> None:
        result = block.child("toolResult")
        for item in result.children("content") if result is not None else ():
            if POINT in item.data:
                text = "cachePoint is not supported in the content of a tool result"
                raise complain(item.path, "value", text)
            self._note(item.data)

    def _note(self, data: dict[str, Any]) -> None:
        self.images = self.images or "image" in data
        document = data.get("document")
        if isinstance(document, dict):
            citations = document.get("citations")
            enabled = isinstance(citations, dict) and citations.get("enabled") is True
            self.citations = self.citations or enabled

    def _mark(self, block: Fields, point: Fields) -> None:
        """A cache point, as a marker of the segment that was read last."""
        if point.data.get("type") != "default":
            raise point.fail("type", "value", "Member must satisfy enum value set: [default]")
        name = point.data.get("ttl")
        if name is not None and (not isinstance(name, str) or name not in _TTLS):
            raise point.fail("ttl", "value", "Member must satisfy enum value set: [5m, 1h]")
        if not self.segments:
            raise complain(block.path, "value", "there is nothing before the cache point")
        last = self.segments[-1]
        if not last.markable:
            raise invalid(_AFTER_REASONING, dotted(block.path))
        ttl = FIVE_MINUTES if name is None else _TTLS[name]
        self._places.append(Place(block.path, (0, 0), len(self.segments) - 1, ttl))
        self.segments[-1] = Segment(
            last.kind,
            last.role,
            last.message,
            last.part,
            last.text,
            last.content,
            ttl,
            last.type,
            last.canonical,
        )


def _shown(data: dict[str, Any], key: bytes) -> str:
    """A block's text as the model gets it, or the block's JSON."""
    if isinstance(data.get("text"), str):
        return str(data["text"])
    if isinstance(data.get("toolUse"), dict):
        use = data["toolUse"]
        return canonical({"name": use.get("name"), "input": use.get("input")}).decode()
    if isinstance(data.get("toolResult"), dict):
        content = data["toolResult"].get("content")
        items = content if isinstance(content, list) else []
        texts = (item["text"] if isinstance(item.get("text"), str) else None for item in items)
        return "".join(
            canonical(item).decode() if text is None else text
            for text, item in zip(texts, items, strict=True)
        )
    return key.decode()
