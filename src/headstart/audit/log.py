"""What was read, as rows in the order of time: small, and ready to be replayed."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from headstart.audit.digest import Digested
from headstart.audit.options import Options
from headstart.audit.segments import Segments, Trie
from headstart.prompt import Controls
from headstart.usage import Usage

_EARLIEST: Final = 1e8
"""Seconds; a time below it (1973) counts from the log's own zero."""
_REST: Final = 3600.0
"""Seconds laid between files whose times count from their own zero."""


class Row(NamedTuple):
    """One request."""

    number: int
    """Where it stands in ``Log.rows``."""
    path: str
    line: int
    time: float
    model: str
    provider: str
    conversation: str | None
    kind: str
    dialect: str | None
    node: int
    """In ``Log.trie``; 0 where the log has no prompt."""
    blocks: bool
    marks: tuple[tuple[int, float], ...]
    """Segment and TTL of each cache directive."""
    settings: int
    """Index into ``Log.settings``."""
    controls: Controls
    usage: Usage | None
    output: int
    status: int | None
    ttft: float | None
    latency: float | None
    cost: float | None
    confirmed: str | None

    @property
    def failed(self) -> bool:
        """There was no answer."""
        return self.status is not None and self.status >= 400


@dataclass
class Log:
    """Everything of the files, digested."""

    options: Options
    segments: Segments
    trie: Trie = field(default_factory=Trie)
    rows: list[Row] = field(default_factory=list)
    """In the order of time, once ``finish`` was called."""
    settings: list[tuple[tuple[str, str], ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    assumed: set[int] = field(default_factory=set)
    """Rows that do not say whose cache they met."""
    timed: bool = True
    """False: times are assumed."""

    def segments_of(self, row: Row) -> list[int]:
        """Numbers of its segments, in prompt order."""
        return self.trie.path(row.node)

    @property
    def seconds(self) -> float | None:
        """From the first request to the last; None where times are assumed."""
        if not self.timed or len(self.rows) < 2:
            return None
        return self.rows[-1].time - self.rows[0].time

    @property
    def day(self) -> float | None:
        """The last moment on the calendar that is known."""
        last = max((row.time for row in self.rows), default=0.0)
        return last if self.timed and last >= _EARLIEST else None


class Gatherer:
    """Takes in what digesters give; ``finish`` makes the log of it."""

    def __init__(self, options: Options) -> None:
        self.log = Log(options, Segments(options.text_bytes))
        self.duplicates: Count[str] = Count()
        self.records: Count[str] = Count()
        self._ids: set[int] = set()
        self._assumed = 0
        self._times: list[float | None] = []
        self._order: list[tuple[int, int]] = []
        self._settings: dict[tuple[tuple[str, str], ...], int] = {}
        self._names: dict[str, str] = {}
        self._controls: dict[Controls, Controls] = {}
        self._workers: dict[int, tuple[list[int], list[int]]] = {}

    def add(self, worker: int, found: Digested, work: int = 0) -> None:
        """One record of one digester, in its order; ``work`` numbers what it is part of."""
        global_of, nodes = self._workers.setdefault(worker, ([], [0]))
        for face in found.faces:
            text = face.text
            if text is not None and text.base >= 0:
                face = face._replace(text=text._replace(base=global_of[text.base]))
            global_of.append(self.log.segments.add(face))
        del nodes[found.shared + 1 :]
        step = self.log.trie.step
        for number in found.rest:
            nodes.append(step(nodes[-1], global_of[number]))
        if self._seen(found):
            self.duplicates[found.path] += 1
            return
        self.records[found.path] += 1
        self._assumed += found.assumed
        self._order.append((work, len(self._order)))
        self._times.append(found.time)
        if found.assumed:
            self.log.assumed.add(len(self.log.rows))
        self.log.rows.append(self._row(found, nodes[-1]))

    def finish(self) -> Log:
        """Put the rows in the order of time, and say what was assumed."""
        log = self.log
        order = sorted(range(len(log.rows)), key=self._order.__getitem__)
        given = [self._times[i] for i in order]
        rows = [log.rows[i]._replace(number=i) for i in order]
        times = self._resolved(rows, given)
        rows = [row._replace(time=time) for row, time in zip(rows, times, strict=True)]
        rows.sort(key=lambda row: row.time)
        log.assumed = {i for i, row in enumerate(rows) if row.number in log.assumed}
        log.rows[:] = [row._replace(number=i) for i, row in enumerate(rows)]
        log.settings = list(self._settings)
        if self._assumed:
            options = log.options
            log.notes.append(
                f"{self._assumed:,} requests do not say whose cache they met: "
                f"taken as {options.provider}, model {options.model} where none is named"
            )
        if log.segments.texts_dropped:
            log.notes.append(
                f"the text of {log.segments.texts_dropped:,} segments was not held for lack of room"
            )
        return log

    def _seen(self, found: Digested) -> bool:
        if found.id is None:
            return False
        key = hash((found.id, found.model))
        if key in self._ids:
            return True
        self._ids.add(key)
        return False

    def _row(self, found: Digested, node: int) -> Row:
        name = self._names.setdefault
        controls = self._controls.setdefault(found.controls, found.controls)
        return Row(
            0,
            name(found.path, found.path),
            found.line,
            0.0,
            name(found.model, found.model),
            name(found.provider, found.provider),
            None if found.conversation is None else name(found.conversation, found.conversation),
            name(found.kind, found.kind),
            found.dialect,
            node if found.prompt else 0,
            found.blocks,
            found.marks,
            self._settings.setdefault(found.settings, len(self._settings)),
            controls,
            None if found.usage is None else Usage(*found.usage),
            found.output or 0,
            found.status,
            found.ttft,
            found.latency,
            found.cost,
            found.confirmed,
        )

    def _resolved(self, rows: Sequence[Row], times: Sequence[float | None]) -> list[float]:
        """A time for each row, in the order of the files; what the log has, where it has any."""
        log, gap = self.log, self.log.options.gap
        given = [time for time in times if time is not None]
        zero = sum(time < _EARLIEST for time in given)
        missing = len(times) - len(given)
        log.timed = missing == 0 and bool(given)
        if missing:
            log.notes.append(
                f"{missing:,} requests have no time: taken in the order of the files, "
                f"{gap:g} s apart"
            )
        offsets = _laid(rows, times) if zero else {}
        if len(offsets) > 1:
            log.notes.append(
                f"times of {zero:,} requests count from their files' own zero: "
                "files are laid one after the other, an hour apart"
            )
        found = []
        now = min(given, default=0.0)
        for row, time in zip(rows, times, strict=True):
            if time is None:
                now += gap
            else:
                now = time + (offsets.get(row.path, 0.0) if time < _EARLIEST else 0.0)
            found.append(now)
        return found


def _laid(rows: Sequence[Row], times: Sequence[float | None]) -> dict[str, float]:
    """When each file with a zero of its own begins."""
    ends: dict[str, float] = {}
    for row, time in zip(rows, times, strict=True):
        if time is not None and time < _EARLIEST:
            ends[row.path] = max(ends.get(row.path, 0.0), time + (row.latency or 0.0))
    offsets, start = {}, 0.0
    for path, end in ends.items():
        offsets[path] = start
        start += end + _REST
    return offsets
