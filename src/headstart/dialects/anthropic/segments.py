"""Tools, system text and content blocks of any Messages request, as a cache keys them.

What a local model can't do is of no interest here: block types pass by their name alone.
"""

from __future__ import annotations

from typing import Any

from headstart.dialects.anthropic.cache_control import settle, ttl_of
from headstart.dialects.anthropic.content import bare, canonical, shown
from headstart.dialects.anthropic.errors import complain, invalid
from headstart.dialects.assembly import Place
from headstart.dialects.body import Fields, Path
from headstart.prompt import Kind, Segment

THINKING = ("thinking", "redacted_thinking")
"""Blocks that take no directive."""

_KEY = "cache_control"
_ROLES = ("user", "assistant", "system")
_EMPTY = "text content blocks must be non-empty"


class Segments:
    """The segments of one request, and what else only a walk over its blocks can tell."""

    __slots__ = ("_last", "_places", "citations", "images", "segments")

    def __init__(self, fields: Fields) -> None:
        """Read tools, system and messages; DialectError."""
        self.segments: list[Segment] = []
        self.images = False
        self.citations = False
        self._places: list[Place] = []
        self._last: tuple[Path, int] | None = None
        self._tools(fields)
        self._system(fields)
        self._messages(fields)

    def placed(self, automatic: float | None) -> tuple[Segment, ...]:
        """The segments, each with the TTL of the last directive on it, once the automatic
        one has found its block; DialectError where the API refuses the directives."""
        places = self._places
        if self._last is not None and (not places or places[-1].path != self._last[0]):
            places = [*places, Place(self._last[0], (0, 0), self._last[1], None)]
        settle(places, automatic)
        for place in places:
            if place.ttl is not None:
                at = place.segment
                self.segments[at] = _with_ttl(self.segments[at], place.ttl)
        return tuple(self.segments)

    def _tools(self, fields: Fields) -> None:
        for index, tool in enumerate(fields.children("tools")):
            kind = tool.data.get("type")
            tag = kind if isinstance(kind, str) else "custom"
            deferred = tool.data.get("defer_loading") is True
            directive = self._directive(tool, tag)
            if deferred and directive:
                text = "tools with defer_loading cannot use prompt caching"
                raise complain((*tool.path, _KEY), "value", text)
            key = canonical(bare(tool.data))
            text = "" if deferred else key.decode()
            self._add(Kind.TOOL, "tools", -1, index, text, tool.data, "tool", key, not deferred)
            self._end(tool.path, not deferred)

    def _system(self, fields: Fields) -> None:
        system = fields.data.get("system")
        if isinstance(system, str):
            if system:
                self._string(Kind.SYSTEM, "system", -1, system, ("system",))
            return
        for part, block in enumerate(fields.children("system")):
            if block.required("type", str) != "text":
                raise complain((*block.path, "type"), "value", "Input should be 'text'")
            self._text(block, None, Kind.SYSTEM, "system", -1, part)

    def _messages(self, fields: Fields) -> None:
        fields.required("messages", list)
        messages = fields.children("messages")
        if not messages:
            raise invalid("messages: at least one message is required", "messages")
        for index, message in enumerate(messages):
            role = message.choice("role", _ROLES)
            content = message.data.get("content")
            if content is None or isinstance(content, str):
                text = message.required("content", str)
                if not text and role == "user":
                    raise _empty_message(index)
                self._string(Kind.MESSAGE, role, index, text, (*message.path, "content"))
                continue
            blocks = message.required("content", list)
            if not blocks and role == "user":
                raise _empty_message(index)
            for part, block in enumerate(blocks):
                if not self._plain(block, role, index, part):
                    self._block(message.item("content", part, block), role, index, part)

    def _plain(self, block: Any, role: str, message: int, part: int) -> bool:
        """Most blocks of long conversations in short: no directive, and nothing amiss."""
        if not isinstance(block, dict) or _KEY in block:
            return False
        kind = block.get("type")
        text = block.get("text") if kind == "text" else block.get("content")
        if kind == "tool_use":
            text = shown(block, kind, b"")
        elif kind == "tool_result":
            role = "tool"
        elif kind != "text":
            return False
        if not isinstance(text, str) or (not text and kind == "text"):
            return False
        self.segments.append(
            Segment(Kind.MESSAGE, role, message, part, text, block, None, kind, canonical(block))
        )
        self._end(("messages", message, "content", part), True)
        return True

    def _string(self, kind: Kind, role: str, message: int, text: str, path: Path) -> None:
        """A shorthand, keyed as the one block that it stands for."""
        key = canonical({"type": "text", "text": text})
        self._add(kind, role, message, 0, text, text, "text", key, bool(text))
        self._end(path, bool(text))

    def _text(
        self, block: Fields, tag: str | None, kind: Kind, role: str, message: int, part: int
    ) -> None:
        text = block.required("text", str)
        marked = self._directive(block, tag)
        if not text and role == "user":
            raise invalid(f"messages: {_EMPTY}", f"{block.path[0]}.{message}.content.{part}")
        if not text and marked:
            raise complain(block.path, "value", "cache_control cannot be set for empty text blocks")
        key = canonical(bare(block.data))
        self._add(kind, role, message, part, text, block.data, "text", key, bool(text))
        self._end(block.path, bool(text))

    def _block(self, block: Fields, role: str, message: int, part: int) -> None:
        kind = block.required("type", str)
        if kind == "text":
            self._text(block, kind, Kind.MESSAGE, role, message, part)
            return
        data = block.data
        if kind in THINKING:
            if data.get(_KEY) is not None:
                path = (*block.path, kind, _KEY)
                raise complain(path, "value", "Extra inputs are not permitted")
        elif kind == "tool_result":
            role = "tool"
            self._nested(block)
        elif kind == "image":
            self.images = True
        elif kind == "document":
            self._document(data)
        self._directive(block, kind)
        key = canonical(bare(data))
        text = shown(data, kind, key)
        eligible = kind not in THINKING
        self._add(Kind.MESSAGE, role, message, part, text, data, kind, key, eligible)
        self._end(block.path, eligible)

    def _nested(self, block: Fields) -> None:
        """Blocks inside a tool result may carry directives of their own: these stand on
        the result, as far as a cache of whole blocks is concerned."""
        if not isinstance(block.data.get("content"), list):
            return
        for item in block.children("content"):
            kind = item.required("type", str)
            self.images = self.images or kind == "image"
            if kind == "document":
                self._document(item.data)
            if self._directive(item, kind) and kind == "text" and not item.data.get("text"):
                text = "cache_control cannot be set for empty text blocks"
                raise complain(item.path, "value", text)

    def _document(self, data: dict[str, Any]) -> None:
        citations = data.get("citations")
        if isinstance(citations, dict) and citations.get("enabled") is True:
            self.citations = True

    def _directive(self, block: Fields, tag: str | None) -> bool:
        """Note the block's directive, if it has one, for the segment that comes next."""
        if block.data.get(_KEY) is None:
            return False
        ttl = ttl_of(block, tag)
        self._places.append(Place(block.path, (0, 0), len(self.segments), ttl))
        return True

    def _end(self, path: Path, eligible: bool) -> None:
        if eligible:
            self._last = path, len(self.segments) - 1

    def _add(
        self,
        kind: Kind,
        role: str,
        message: int,
        part: int,
        text: str,
        content: Any,
        name: str,
        key: bytes,
        markable: bool,
    ) -> None:
        self.segments.append(
            Segment(kind, role, message, part, text, content, None, name, key, markable)
        )


def _with_ttl(segment: Segment, ttl: float) -> Segment:
    """``dataclasses.replace`` for one field, without its detours."""
    s = segment
    return Segment(
        s.kind, s.role, s.message, s.part, s.text, s.content, ttl, s.type, s.canonical, s.markable
    )


def _empty_message(index: int) -> Exception:
    text = f"messages.{index}: user messages must have non-empty content"
    return invalid(text, f"messages.{index}.content")
