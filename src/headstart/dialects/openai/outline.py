"""A request's content blocks in prompt order, and where in the body each one lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from headstart.dialects.body import Fields, Path
from headstart.dialects.openai.directives import Directive, without
from headstart.prompt import Kind, Segment

_encode = msgspec.json.Encoder().encode


class Place(NamedTuple):
    """Where a directive goes: into the object at ``path``, or behind the string there, once
    that stands in its one-block form."""

    path: Path
    opening: bytes = b""
    """What the one-block form has before the string; empty for an object."""
    closing: bytes = b""


def canonical(value: Any) -> bytes:
    """Compact JSON, keys in the client's order."""
    return _encode(value)


def called(call: Any) -> str | None:
    """A call of a function as the model gets it; None for calls of another shape."""
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return None
    return canonical({"name": call["name"], "arguments": call.get("arguments")}).decode()


@dataclass(slots=True)
class Outline:
    """A prompt under construction. ``places`` runs parallel to ``segments``."""

    directives: Sequence[Directive]
    request_ttl: float | None
    segments: list[Segment] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    _keys: frozenset[str] = frozenset()
    _kind: Kind = Kind.SYSTEM
    _role: str = ""
    _message: int = -1
    _part: int = 0
    _head: bytes = b""
    _runs: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._keys = frozenset(directive.key for directive in self.directives)

    def tool(self, content: Any, path: Path) -> None:
        """Add a definition; no directive may stand on it."""
        self._role, self._message = "tools", -1
        key = canonical(content)
        part = len(self.segments)
        text = key.decode()
        self.segments.append(
            Segment(Kind.TOOL, "tools", -1, part, text, content, None, "tool", key, False)
        )
        self.places.append(Place(path))

    def open(self, role: str, message: int, head: Mapping[str, Any] | None = None) -> None:
        """Begin a message. System messages are system text as long as nothing else came.
        ``head`` is what stands beside the content and reaches the model with it."""
        if role != "system":
            self._kind = Kind.MESSAGE
        self._role, self._message, self._part = role, message, 0
        given = {key: value for key, value in head.items() if value is not None} if head else {}
        self._head = canonical(given) if given else b""
        if message >= 0:
            self._runs.append((role, len(self.segments)))

    def block(self, block: Fields, text: str | None, name: str, *, markable: bool) -> None:
        """Add an object; ``text`` is None where the model gets more than a text of it."""
        ttl = self._ttl(block) if markable else None
        key = canonical(without(block.data, self._keys))
        shown = key.decode() if text is None else text
        self._add(shown, block.data, ttl, name, key, Place(block.path), markable)

    def bare(self, text: str, form: str, place: Place, name: str, *, markable: bool) -> None:
        """Add a string that stands for one block of type ``form``."""
        key = canonical({"type": form, "text": text})
        self._add(text, text, None, name, key, place, markable and bool(text))

    def bounded(self) -> tuple[Segment, ...]:
        """The segments, with ``boundary`` where OpenAI may put a breakpoint: at the end of
        each user message, of each run of tool results, and of the initial system messages."""
        ends: set[int] = set()
        for number, (role, first) in enumerate(self._runs):
            after = self._runs[number + 1] if number + 1 < len(self._runs) else None
            last = (after[1] if after else len(self.segments)) - 1
            if last >= first and (role == "user" or self._ends(role, last, after)):
                ends.add(last)
        return tuple(
            _bounded(segment) if index in ends else segment
            for index, segment in enumerate(self.segments)
        )

    def _ends(self, role: str, last: int, after: tuple[str, int] | None) -> bool:
        if after is not None and after[0] == role:
            return False
        return role == "tool" or (role == "system" and self.segments[last].kind is Kind.SYSTEM)

    def _ttl(self, block: Fields) -> float | None:
        """The last directive's, if a provider takes more than one kind."""
        found = None
        for directive in self.directives:
            if directive.key in block.data:
                found = directive.ttl(block, self.request_ttl) or found
        return found

    def _add(
        self,
        text: str,
        content: Any,
        ttl: float | None,
        name: str,
        key: bytes,
        place: Place,
        markable: bool,
    ) -> None:
        key, self._head = self._head + key, b""
        able = markable and bool(self.directives)
        kind, role, at, part = self._kind, self._role, self._message, self._part
        segment = Segment(kind, role, at, part, text, content, ttl, name, key, able)
        self.segments.append(segment)
        self.places.append(place)
        self._part += 1


def _bounded(s: Segment) -> Segment:
    """``dataclasses.replace`` for one field, without its detours."""
    return Segment(
        s.kind, s.role, s.message, s.part, s.text, s.content,
        s.ttl, s.type, s.canonical, s.markable, True,
    )  # fmt: skip
