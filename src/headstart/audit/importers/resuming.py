"""Bodies that repeat an earlier one's messages, read from where they go on.

A conversation's requests repeat all that was said before, so that most of a log is read many
times. Here the segments of messages that are, byte for byte, those of an earlier body are taken
from there; everything else is read by the dialect. The outcome is the same as without.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec

from headstart.audit.importers.bodies import Body
from headstart.audit.importers.contract import Unreadable
from headstart.audit.importers.values import Row, begins
from headstart.prefix.beginning import equal_beginning
from headstart.prompt import Kind, Prompt, Segment

Whole = Callable[[bytes], Body]

_FIELDS: Final = ("messages", "contents", "input")
_KEYED: Final = 3
"""Messages by which an earlier body is found again."""
_MOST: Final = 256
_MOST_BYTES: Final = 32 << 20
"""Bodies that are remembered, and the bytes of their messages."""
_TOGGLES: Final = frozenset(("images", "citations"))
"""Settings that follow from what all messages hold."""
_HEADS: Final = frozenset(("tools", "system", "instructions"))
_MOST_DIRECTIVES: Final = 4
_ROW: Final = msgspec.json.Decoder(Row)
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class _Split(NamedTuple):
    """A body's fields, and the items of the one that grows."""

    rest: dict[str, bytes]
    field: str
    items: list[bytes]

    def tail(self, start: int, *, stripped: bool) -> bytes:
        """A body with the items from ``start`` on; ``stripped`` of tools and system text."""
        rest = dict(self.rest)
        if stripped:
            for name in _HEADS & rest.keys():
                rest[name] = b"[]" if rest[name].startswith(b"[") else b'""'
        rest[self.field] = b"[" + b",".join(self.items[start:]) + b"]"
        return msgspec.json.encode({name: msgspec.Raw(value) for name, value in rest.items()})


class _Earlier(NamedTuple):
    """A body that was read."""

    split: _Split
    body: Body
    head: int
    """Segments before those of messages."""
    size: int


class Resuming:
    """Remembers the bodies read last."""

    def __init__(self) -> None:
        self._seen: OrderedDict[int, _Earlier] = OrderedDict()
        self._size = 0

    def read(self, raw: bytes, whole: Whole) -> Body:
        """What ``whole`` gives for a body; Unreadable, as it does."""
        split = _split(raw)
        if split is None or len(split.items) < _KEYED:
            return whole(raw)
        key = hash((split.field, *split.items[:_KEYED]))
        earlier = self._seen.get(key)
        body = _resumed(split, earlier, whole) if earlier is not None else None
        if body is None:
            body = whole(raw)
        self._remember(key, split, body)
        return body

    def _remember(self, key: int, split: _Split, body: Body) -> None:
        before = self._seen.pop(key, None)
        self._size -= before.size if before is not None else 0
        head = bisect_left(body.prompt.segments, 0, key=_message)
        size = sum(map(len, split.items)) + sum(map(len, split.rest.values()))
        self._seen[key] = _Earlier(split, body, head, size)
        self._size += size
        while self._size > _MOST_BYTES or len(self._seen) > _MOST:
            self._size -= self._seen.popitem(last=False)[1].size


def _split(raw: bytes) -> _Split | None:
    try:
        row = _ROW.decode(raw)
        [field] = [name for name in _FIELDS if name in row]
        grown = row.pop(field)
        if not begins(grown, b"["):
            return None
        items = [bytes(item) for item in _ITEMS.decode(grown)]
    except (ValueError, RecursionError):
        return None
    return _Split({name: bytes(value) for name, value in row.items()}, field, items)


def _resumed(split: _Split, earlier: _Earlier, whole: Whole) -> Body | None:
    """None where what was said before may not be read on its own."""
    # What the last shared message is to a cache may depend on the one behind it.
    start = equal_beginning(split.items, earlier.split.items) - 1
    before = earlier.body.prompt
    if start < 1 or _entangled(before):
        return None
    same = split.rest == earlier.split.rest
    try:
        body = whole(split.tail(start, stripped=same))
    except Unreadable:
        return None
    prompt = body.prompt
    if body.hosted is not earlier.body.hosted or _entangled(prompt):
        return None
    at = bisect_left(prompt.segments, 0, key=_message)
    head, new = prompt.segments[:at], prompt.segments[at:]
    end = bisect_left(before.segments, start, lo=earlier.head, key=_message)
    kept = before.segments[earlier.head : end]
    if not new or new[0].kind is not Kind.MESSAGE or any(s.ttl is not None for s in kept):
        return None
    if same:
        # Of its controls some come with the headers, which may be others.
        head, prompt = before.segments[: earlier.head], replace(prompt, settings=before.settings)
        if not _allowed([s.ttl for s in (*head, *new) if s.ttl is not None]):
            return None
    segments = (*head, *kept, *(_moved(segment, start) for segment in new))
    return body._replace(prompt=replace(prompt, segments=segments))


def _allowed(ttls: list[float]) -> bool:
    """Whether no provider that reads them all at once could object to these directives."""
    return len(ttls) <= _MOST_DIRECTIVES and len(set(ttls)) <= 1


def _entangled(prompt: Prompt) -> bool:
    """Something of it depends on all messages together."""
    controls = prompt.controls
    if controls.automatic or controls.continues is not None:
        return True
    return not _TOGGLES.isdisjoint(prompt.settings)


def _message(segment: Segment) -> int:
    return segment.message


def _moved(s: Segment, by: int) -> Segment:
    """``dataclasses.replace`` for one field, without its detours."""
    return Segment(
        s.kind, s.role, s.message + by, s.part, s.text, s.content,
        s.ttl, s.type, s.canonical, s.markable, s.boundary,
    )  # fmt: skip
