"""Reading one log: its rows, the importer that suits each of them, and what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Final

from headstart.audit.importers.anthropic_report import Sum, UsageReport
from headstart.audit.importers.batches import BatchRequests
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.detection import first_of, row_of
from headstart.audit.importers.kinds import PEEKED, kind_named, kind_of
from headstart.audit.importers.ledger import Ledger, is_ledger, read_ledger
from headstart.audit.importers.opening import Advance, opened, pieces
from headstart.audit.importers.rows import Foreign, Line, rows
from headstart.audit.importers.values import Row
from headstart.audit.importers.work import Work
from headstart.audit.record import Broken, Place

_SHAPES: Final = 256
"""Sets of keys whose importer is remembered."""


class Reading:
    """Iterate over it once. ``format`` and ``notes`` are whole when that has ended."""

    def __init__(self, work: Work, advance: Advance = lambda _: None) -> None:
        self.work = work
        self._advance = advance
        self._notes: list[str] = []
        self._importers: dict[str, Importer] = {}
        self._counts: Counter[str] = Counter()
        self._shapes: dict[tuple[str, ...], Importer | None] = {}

    @property
    def format(self) -> str:
        """Names of the importers that read it, the most used first; "" of none."""
        return "+".join(name for name, _ in self._counts.most_common())

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be told of the file as a whole."""
        found = (note for importer in self._importers.values() for note in importer.notes)
        return (*self._notes, *found)

    @property
    def sums(self) -> tuple[Sum, ...]:
        """What a usage report has instead of requests; for ``reconciled``."""
        found = self._importers.get(UsageReport.name)
        return tuple(found.sums) if isinstance(found, UsageReport) else ()

    def __iter__(self) -> Iterator[Item]:
        if self.work.results:
            joined = BatchRequests()
            self._importers[joined.name] = joined
            for path in self.work.results:
                yield from self._guarded(path, self._results(path, joined))
        for path in (self.work.path, *self.work.more):
            yield from self._guarded(path, self._file(path))
        for importer in self._importers.values():
            yield from importer.finish()

    def _guarded(self, path: str, items: Iterator[Item]) -> Iterator[Item]:
        """What ends a file before its end becomes a note."""
        try:
            yield from items
        except OSError as error:
            self._note(path, error.strerror or type(error).__name__)
        except Foreign as problem:
            self._note(path, str(problem))

    def _file(self, path: str) -> Iterator[Item]:
        if is_ledger(path):
            for item in read_ledger(path):
                self._counts[Ledger.name] += 1
                yield item
            return
        lines = self._lines(path)
        first, kind = first_of(lines)
        if not first and not self.work.start:
            self._note(path, "empty")
        if self.work.format is not None:
            kind = kind_named(self.work.format)
        by_row = kind is None or (kind.alone and self.work.format is None)
        only = self._importer(kind) if kind is not None and not by_row else None
        for line in chain(first, lines):
            yield from self._read(path, line, only)

    def _results(self, path: str, joined: BatchRequests) -> Iterator[Item]:
        for line in self._lines(path):
            place = Place(path, line.number)
            try:
                joined.answered(row_of(line) or {}, place)
            except Unreadable as problem:
                yield Broken(place, str(problem))

    def _lines(self, path: str) -> Iterator[Line]:
        work = self.work
        with opened(path) as file:
            tell = partial(self._note, path)
            data = pieces(file, self._advance, tell, work.start, work.end)
            yield from rows(data, work.line, whole=work.start == 0)

    def _note(self, path: str, text: str) -> None:
        several = self.work.results or self.work.more
        self._notes.append(f"{path}: {text}" if several else text)

    def _importer(self, kind: type[Importer]) -> Importer:
        return self._importers.setdefault(kind.name, kind())

    def _read(self, path: str, line: Line, only: Importer | None) -> Iterator[Item]:
        row = row_of(line)
        importer = only or (self._suited(row) if row is not None else None)
        place = Place(path, max(line.number, 1))
        if row is None:
            yield Broken(place, "too long" if line.data is None else "not a JSON object")
        elif importer is None:
            yield Broken(place, "of no known kind")
        else:
            self._counts[importer.name] += 1
            try:
                many = importer.many and line.number == 0
                yield from importer.read(row, Place(path, 0) if many else place)
            except Unreadable as problem:
                yield Broken(place, str(problem))
            except Exception as error:  # no log is lost for a row that nobody foresaw
                yield Broken(place, f"it could not be read ({type(error).__name__})")

    def _suited(self, row: Row) -> Importer | None:
        shape = tuple(row)
        if shape in self._shapes:
            return self._shapes[shape]
        kind = kind_of(row)
        importer = self._importer(kind) if kind is not None else None
        if PEEKED.isdisjoint(row) and len(self._shapes) < _SHAPES:
            self._shapes[shape] = importer
        return importer
