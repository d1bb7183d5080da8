"""What kind of log a file is, told by its first rows."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice
from typing import Final

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


def kind_among(lines: Iterable[Line]) -> type[Importer] | None:
    """The kind of the first row that has one."""
    found = (kind_of(row) for line in lines if (row := row_of(line)) is not None)
    return next((kind for kind in found if kind is not None), None)


def divisible(work: Work) -> bool:
    """Whether a file can be read in parts of some lines each; OSError."""
    with opened(work.path) as file:
        if compression_of(file.read(_MAGIC)) is not None:
            return False
        file.seek(0)
        data = pieces(file, lambda _: None, lambda _: None)
        try:
            head = head_of(data)
        except Foreign:
            return False
        if not by_line(head):
            return False
        if work.format is not None:
            return kind_named(work.format).alone
        kind = kind_among(islice(rows(chain([head], data)), LOOKED_AT))
    return kind is not None and kind.alone
