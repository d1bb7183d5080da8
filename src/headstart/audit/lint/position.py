"""From bytes of a file to lines and columns, and from characters of a JSON string to bytes."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

from headstart.audit.lint.finding import Place

_BREAK: Final = re.compile(rb"\r\n|\r|\n")
_UNIT: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\."
    rb"|[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*",
    re.DOTALL,
)
"""One character of a JSON string, escaped or not."""


class Lines:
    """Where the lines of a file begin."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.starts = [0, *(match.end() for match in _BREAK.finditer(data))]
        """Bytes."""

    def place(self, start: int, end: int) -> Place:
        """Of bytes ``start`` to ``end``."""
        return Place(*self._at(start), *self._at(end))

    def byte(self, line: int, column: int) -> int:
        """The byte that Python's ``ast`` means: lines from 1, columns in UTF-8 bytes from 0."""
        return self.starts[line - 1] + column

    def _at(self, byte: int) -> tuple[int, int]:
        line = bisect_right(self.starts, byte)
        before = self._data[self.starts[line - 1] : byte]
        return line, len(before.decode("utf-8", "replace")) + 1


def literal_bytes(literal: bytes, start: int, end: int) -> tuple[int, int]:
    """Bytes of a JSON string with its quotes that hold the decoded characters ``start`` to
    ``end``; the whole inside where they can't be told."""
    inside = literal[1:-1]
    if b"\\" not in inside:
        text = inside.decode("utf-8", "replace")
        first = 1 + len(text[:start].encode())
        return first, first + len(text[start:end].encode())
    at, number = 0, 0
    opening: int | None = None
    while number < end:
        match = _UNIT.match(inside, at)
        if match is None:
            return 1, len(literal) - 1
        if number == start:
            opening = at
        at, number = match.end(), number + 1
    return 1 + (at if opening is None else opening), 1 + at
