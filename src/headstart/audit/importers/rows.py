"""Rows out of a log's bytes: lines, the items of one JSON array, or one JSON document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from headstart.audit.importers.values import decoded

MOST_BYTES: Final = 512 << 20
"""Of a row; a longer one is skipped."""
_LOOKED_AT: Final = 1 << 16
"""Bytes from which it is told what a file is."""
_LINES: Final = 20
_SPACE: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
_QUOTE: Final = 0x22
_STRUCTURE: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[\[\]{}]', re.DOTALL)
"""Whole strings, a string that does not end here (an empty group), and brackets."""


class Foreign(ValueError):
    """Not a text of JSON at all; the message says what it looks like."""


class Line(NamedTuple):
    """One row's bytes. None for one that is too long."""

    number: int
    """From 1; 0 where the row is the whole file."""
    data: bytes | None


def rows(pieces: Iterator[bytes], first_line: int = 1, *, whole: bool = True) -> Iterator[Line]:
    """Every row that is not blank. Foreign. ``whole``: the bytes begin where the file does,
    which decides whether its lines or its array's items are counted."""
    pieces = filter(None, pieces)
    if not whole:
        return _lines(pieces, first_line)
    head = head_of(pieces)
    pieces = chain([head], pieces)
    if by_line(head):
        return _lines(pieces, first_line)
    return _items(pieces) if head.lstrip(_SPACE).startswith(b"[") else _document(pieces)


def head_of(pieces: Iterator[bytes]) -> bytes:
    """The first bytes, some at least; Foreign."""
    head = b""
    while len(head) < _LOOKED_AT and (piece := next(pieces, b"")):
        head += piece
    if head.startswith(_WIDE):
        raise Foreign("UTF-16 text: convert it to UTF-8")
    if b"\0" in head[:_LOOKED_AT]:
        raise Foreign("a binary file, of none of the kinds that are known")
    return head.removeprefix(_BOM)


def by_line(head: bytes) -> bool:
    """Whether each line of what begins so is a row: one of the first is a JSON object by
    itself, or it is no JSON text as a whole."""
    if not head.lstrip(_SPACE).startswith((b"{", b"[")):
        return True
    lines = [line for line in head.split(b"\n", _LINES)[:_LINES] if line.strip(_SPACE)]
    if len(lines) == 1 and lines[0].startswith(b"{"):
        return True
    return any(line.startswith(b"{") and bool(decoded(line)) for line in lines)


def _lines(pieces: Iterator[bytes], number: int) -> Iterator[Line]:
    held: list[bytes] = []
    size = 0
    line: bytes | None
    for piece in pieces:
        *lines, rest = piece.split(b"\n")
        for line in lines:
            if held:
                held.append(line)
                line, size = _joined(held, size + len(line)), 0
                held = []
            if line is None or line.strip(_SPACE):
                yield Line(number, line)
            number += 1
        size += len(rest)
        if size > MOST_BYTES:
            held = [b""]
        elif rest:
            held.append(rest)
    if held and ((last := _joined(held, size)) is None or last.strip(_SPACE)):
        yield Line(number, last)


def _joined(held: list[bytes], size: int) -> bytes | None:
    return None if size > MOST_BYTES else b"".join(held)


def _document(pieces: Iterator[bytes]) -> Iterator[Line]:
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MOST_BYTES:
            yield Line(0, None)
            return
        held.append(piece)
    yield Line(0, b"".join(held))


def _items(pieces: Iterator[bytes]) -> Iterator[Line]:
    """The objects in the outermost array, numbered from 1."""
    number, depth, size = 0, 0, 0
    item: list[bytes] = []
    opening = b""
    for piece in pieces:
        data, begin = opening + piece, len(opening)
        opening = b""
        for found in _STRUCTURE.finditer(data):
            mark, at = data[found.start()], found.end()
            if mark == _QUOTE:
                opening = b"" if found.group(1) else _reopened(data)
            elif mark in b"[{":
                depth += 1
                if depth == 2:
                    begin, number, item, size = found.start(), number + 1, [], 0
            else:
                depth -= 1
                if depth == 1:
                    item.append(data[begin:at])
                    yield Line(number, _joined(item, size + at - begin))
                    item, size = [], 0
                elif depth <= 0:
                    return
        if depth >= 2:
            size += len(data) - begin
            item.append(data[begin:] if size <= MOST_BYTES else b"")
    if depth >= 2:
        yield Line(number, _joined(item, size))


def _reopened(data: bytes) -> bytes:
    """What stands for the string that these bytes end in, so that its rest is read as such."""
    escaped = (len(data) - len(data.rstrip(b"\\"))) % 2 == 1
    return b'"\\' if escaped else b'"'
