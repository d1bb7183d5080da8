"""Reading one log: its rows, the importer that suits each of them, and what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice

from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.detection import LOOKED_AT, kind_among, row_of
from headstart.audit.importers.kinds import kind_named, kind_of
from headstart.audit.importers.opening import Advance, opened, pieces
from headstart.audit.importers.rows import Foreign, Line, rows
from headstart.audit.importers.values import Row
from headstart.audit.importers.work import Work
from headstart.audit.record import Broken, Place


class Reading:
    """Iterate over it once. ``format`` and ``notes`` are whole when that has ended."""

    def __init__(self, work: Work, advance: Advance = lambda _: None) -> None:
        self.work = work
        self._advance = advance
        self._notes: list[str] = []
        self._importers: dict[str, Importer] = {}
        self._counts: Counter[str] = Counter()

    @property
    def format(self) -> str:
        """Names of the importers that read it, the most used first; "" of none."""
        return "+".join(name for name, _ in self._counts.most_common())

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be told of the file as a whole."""
        found = (note for importer in self._importers.values() for note in importer.notes)
        return (*self._notes, *found)

    def __iter__(self) -> Iterator[Item]:
        try:
            yield from self._items()
        except OSError as error:
            self._notes.append(error.strerror or type(error).__name__)
        except Foreign as problem:
            self._notes.append(str(problem))

    def _items(self) -> Iterator[Item]:
        work = self.work
        with opened(work.path) as file:
            data = pieces(file, self._advance, self._notes.append, work.start, work.end)
            lines = rows(data, work.line, whole=work.start == 0)
            first = list(islice(lines, LOOKED_AT))
            if not first and not work.start:
                self._notes.append("empty")
            only = self._only(first)
            for line in chain(first, lines):
                yield from self._read(line, only)
        for importer in self._importers.values():
            yield from importer.finish()

    def _only(self, first: list[Line]) -> Importer | None:
        """The one importer of the whole file: the one asked for, or one whose rows do not
        stand alone. None where it goes by the row."""
        if self.work.format is not None:
            return self._importer(kind_named(self.work.format))
        kind = kind_among(first)
        return None if kind is None or kind.alone else self._importer(kind)

    def _importer(self, kind: type[Importer]) -> Importer:
        return self._importers.setdefault(kind.name, kind())

    def _read(self, line: Line, only: Importer | None) -> Iterator[Item]:
        place = Place(self.work.path, line.number)
        row = row_of(line)
        if row is None:
            yield Broken(place, "too long" if line.data is None else "not a JSON object")
            return
        importer = only or self._suited(row)
        if importer is None:
            yield Broken(place, "of no known kind")
            return
        self._counts[importer.name] += 1
        try:
            yield from importer.read(row, place)
        except Unreadable as problem:
            yield Broken(place, str(problem))

    def _suited(self, row: Row) -> Importer | None:
        kind = kind_of(row)
        return self._importer(kind) if kind is not None else None
