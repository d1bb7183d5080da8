"""Server-sent events as their bytes go by, in any cut, and usage found in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from headstart.dialects.hosted import Facts, UsageReader

MOST_BYTES = 16 * 2**20
"""An event that is longer is skipped: memory stays bounded whatever an upstream sends."""

_BREAKS = (b"\r\n", b"\r")
_ANY = re.compile(b"")


class EventData:
    """The ``data`` of each event. Never raises."""

    def __init__(self, told: re.Pattern[bytes] = _ANY) -> None:
        """``told`` matches in every event that is asked for, within one line or across white
        space; others may be left out."""
        self._told = told
        self._rest: list[bytes] = []
        self._held = 0
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._skipping = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The data of every event that ends in ``chunk``; consume it before the next call."""
        if not chunk:
            return
        if self._after_cr and chunk[:1] == b"\n":
            chunk = chunk[1:]
        self._after_cr = chunk[-1:] == b"\r" if chunk else False
        if b"\r" in chunk:
            for end in _BREAKS:
                chunk = chunk.replace(end, b"\n")
        at = 0
        if self._rest or self._data or self._skipping:
            at = chunk.find(b"\n\n") + 2 if b"\n\n" in chunk else len(chunk)
            yield from self._by_line(chunk[:at])
        if at < len(chunk) <= MOST_BYTES:
            last = chunk.rfind(b"\n\n", at) + 2
            if last > 1:
                yield from self._whole(chunk, at, last)
                at = last
        yield from self._by_line(chunk[at:])

    def _by_line(self, part: bytes) -> Iterator[bytes]:
        *lines, rest = part.split(b"\n")
        for line in lines:
            whole = b"".join((*self._rest, line))
            self._rest, self._held = [], 0
            yield from self._line(whole)
        self._hold(rest)

    def _whole(self, chunk: bytes, at: int, end: int) -> Iterator[bytes]:
        """Of events that begin at byte ``at`` or later and end before ``end``: most of a stream
        has nothing to tell, and is not looked at line by line."""
        while at < end and (match := self._told.search(chunk, at, end)) is not None:
            before = chunk.rfind(b"\n\n", at, match.start())
            start = at if before < 0 else before + 2
            stop = chunk.find(b"\n\n", match.start(), end)
            if stop < 0:  # three line ends at the end of what is whole
                return
            at = stop + 2
            lines = chunk[start:at].split(b"\n")
            data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
            if data:
                yield b"\n".join(data)

    def _line(self, line: bytes) -> Iterator[bytes]:
        if not line:
            if self._data and not self._skipping:
                yield b"\n".join(self._data)
            self._data, self._size, self._skipping = [], 0, False
        elif line.startswith(b"data:"):
            value = line[5:].removeprefix(b" ")
            self._size += len(value)
            self._skipping = self._skipping or self._size > MOST_BYTES
            if self._skipping:
                self._data = []
            else:
                self._data.append(value)

    def _hold(self, rest: bytes) -> None:
        """Keep the beginning of a line, in pieces: joining them as they come would cost
        the square of its length."""
        self._held += len(rest)
        if self._held > MOST_BYTES:
            # A comment's beginning stands for it: the rest of the line is dropped too.
            self._skipping, self._rest, self._held = True, [b":"], 0
        elif rest:
            self._rest.append(rest)


class EventFacts(UsageReader):
    """Facts in the events of a stream: ``told`` matches in every event that is worth
    decoding (see ``EventData``), and ``find`` looks at one and does not raise."""

    def __init__(self, told: re.Pattern[bytes], find: Callable[[Any], Facts]) -> None:
        self._events = EventData(told)
        self._told = told
        self._find = find
        self._facts = Facts()

    def feed(self, chunk: bytes) -> None:
        for data in self._events.feed(chunk):
            if self._told.search(data) is not None:
                self._facts = self._facts.updated(self._find(decoded(data)))

    @property
    def facts(self) -> Facts:
        return self._facts


def decoded(data: bytes) -> Any:
    """A JSON value; None for what is none. Never raises."""
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None


def event(value: Any, name: str | None = None) -> bytes:
    """One event, as an emulator sends it."""
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + msgspec.json.encode(value) + b"\n\n"
