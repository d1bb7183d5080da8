"""What the cache does today: sums over requests, from recorded usage where there is any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from math import isnan
from typing import Final

from headstart.audit.findings import Now, Tally
from headstart.audit.log import Row
from headstart.audit.replay import Outcome, World
from headstart.prompt.cuts import digest

_MOST_VERSIONS: Final = 50
_CALENDAR: Final = 1e8


class _Sum:
    """One tally under way."""

    __slots__ = (
        "cost",
        "hits",
        "input",
        "output",
        "read",
        "recorded",
        "requests",
        "uncached",
        "written",
    )

    def __init__(self) -> None:
        self.requests = self.input = self.read = self.written = self.output = self.hits = 0
        self.recorded = 0
        self.cost: float | None = None
        self.uncached: float | None = None

    def tally(self, name: str) -> Tally:
        return Tally(
            name,
            self.requests,
            self.input,
            self.read,
            self.written,
            self.output,
            self.cost,
            self.uncached,
            2 * self.recorded > self.requests,
            self.hits,
        )


def now_of(world: World, base: Outcome) -> Now:
    """All requests, and by one column each."""
    log = world.log
    rows = [row for row in log.rows if not row.failed]
    calendar = log.timed and bool(rows) and rows[-1].time >= _CALENDAR
    return Now(
        _tallies(world, base, rows, lambda row: "all")[0] if rows else _Sum().tally("all"),
        tuple(_tallies(world, base, rows, lambda row: row.model or "?")),
        tuple(_tallies(world, base, rows, lambda row: row.provider or "?")),
        tuple(sorted(_tallies(world, base, rows, _day), key=_named)) if calendar else (),
        tuple(sorted(_tallies(world, base, rows, _hour), key=_named)) if calendar else (),
        tuple(_tallies(world, base, rows, lambda row: row.kind or "unnamed")),
        tuple(_tallies(world, base, rows, _Versions(world).of)[:_MOST_VERSIONS]),
        log.seconds,
        len({world.lanes[row.number] if world.lanes else row.conversation for row in rows}),
    )


def _tallies(
    world: World, base: Outcome, rows: Iterable[Row], key: Callable[[Row], str]
) -> list[Tally]:
    """The biggest first."""
    sums: dict[str, _Sum] = {}
    for row in rows:
        _add(sums.setdefault(key(row), _Sum()), world, base, row)
    found = [one.tally(name) for name, one in sums.items()]
    return sorted(found, key=lambda tally: tally.input, reverse=True)


def _add(total: _Sum, world: World, base: Outcome, row: Row) -> None:
    number, usage = row.number, row.usage
    total.requests += 1
    total.output += row.output
    if usage is not None:
        price = world.pricer(row.provider, row.model)
        read, count, written = usage.read, usage.input, usage.written
        cost, uncached = price.cost(usage), price.uncached(usage)
        if row.cost is not None:
            cost = row.cost
        total.recorded += 1
    else:
        read, count, written = base.read[number], base.input[number], base.written[number]
        cost, uncached = _known(base.cost[number]), _known(base.uncached[number])
    total.input += count
    total.read += read
    total.written += written
    total.hits += read > 0
    if cost is not None:
        total.cost = (total.cost or 0.0) + cost
    if uncached is not None:
        total.uncached = (total.uncached or 0.0) + uncached


def _known(cost: float) -> float | None:
    return None if isnan(cost) else cost


def _day(row: Row) -> str:
    return datetime.fromtimestamp(row.time, UTC).strftime("%Y-%m-%d")


def _hour(row: Row) -> str:
    return datetime.fromtimestamp(row.time, UTC).strftime("%H:00")


def _named(tally: Tally) -> str:
    return tally.name


class _Versions:
    """Names of what stands before the messages."""

    def __init__(self, world: World) -> None:
        self._log = world.log
        self._names: dict[int, str] = {}

    def of(self, row: Row) -> str:
        """A short digest; "" for a prompt without tools and system text."""
        trie, faces = self._log.trie, self._log.segments.faces
        node, climbed = row.node, list[int]()
        while node and node not in self._names and faces[trie.segment[node]].kind == 2:
            climbed.append(node)
            node = trie.parent[node]
        name = self._names.get(node)
        if name is None:
            key = b""
            for number in trie.path(node):
                key = digest(key, faces[number].digest)
            name = self._names[node] = key.hex()[:8]
        for one in climbed:
            self._names[one] = name
        return name


def by_row(values: Sequence[float]) -> float:
    """Sum of what is known."""
    return sum(value for value in values if not isnan(value))
