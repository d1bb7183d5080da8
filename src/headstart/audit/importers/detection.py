"""What kind of log a file is, told by its first rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Final, NamedTuple

import msgspec

from headstart.audit.importers.contract import Importer
from headstart.audit.importers.kinds import kind_named, kind_of
from headstart.audit.importers.opening import compression_of, opened, pieces
from headstart.audit.importers.rows import Foreign, Line, by_line, head_of, rows
from headstart.audit.importers.values import Row
from headstart.audit.importers.work import Work

LOOKED_AT: Final = 20
"""Rows."""
_MAGIC: Final = 4
_ROW: Final = msgspec.json.Decoder(Row)


def row_of(line: Line) -> Row | None:
    """None for what is no JSON object."""
    try:
        return _ROW.decode(line.data) if line.data is not None else None
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None


def first_of(lines: Iterator[Line]) -> tuple[list[Line], type[Importer] | None]:
    """The first rows, through one that has a kind, and that kind."""
    first: list[Line] = []
    for line in islice(lines, LOOKED_AT):
        first.append(line)
        row = row_of(line)
        if row is not None and (kind := kind_of(row)) is not None:
            return first, kind
    return first, None


class Look(NamedTuple):
    """What a file shows at first sight."""

    kind: type[Importer] | None
    divisible: bool
    """It can be read in parts of some lines each."""


def look(work: Work) -> Look:
    """OSError."""
    with opened(work.path) as file:
        compressed = compression_of(file.read(_MAGIC)) is not None
        file.seek(0)
        data = pieces(file, lambda _: None, lambda _: None)
        try:
            head = head_of(filter(None, data))
            lines = by_line(head)
            _, kind = first_of(rows(chain([head], data)))
        except Foreign:
            return Look(None, False)
    if work.format is not None:
        kind = kind_named(work.format)
    return Look(kind, lines and not compressed and kind is not None and kind.alone)
