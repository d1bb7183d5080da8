"""What the cache does today: sums over requests, from recorded usage where there is any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import isnan
from typing import Final, NamedTuple

from headstart.audit.findings import Now, Tally
from headstart.audit.log import Row
from headstart.audit.outcome import Outcome
from headstart.audit.world import World
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

    def add(self, one: _Facts) -> None:
        """One request."""
        self.requests += 1
        self.input += one.input
        self.read += one.read
        self.written += one.written
        self.output += one.output
        self.hits += one.read > 0
        self.recorded += one.recorded
        if one.cost is not None:
            self.cost = (self.cost or 0.0) + one.cost
        if one.uncached is not None:
            self.uncached = (self.uncached or 0.0) + one.uncached


class _Facts(NamedTuple):
    """What counts of one request."""

    input: int
    read: int
    written: int
    output: int
    cost: float | None
    uncached: float | None
    recorded: bool


def now_of(world: World, base: Outcome) -> Now:
    """All requests, and by one column each."""
    log = world.log
    rows = [row for row in log.rows if not row.failed]
    facts = [_facts(world, base, row) for row in rows]
    calendar = log.timed and bool(rows) and rows[-1].time >= _CALENDAR

    def by(name: Callable[[Row], str]) -> list[Tally]:
        """The biggest first."""
        sums: dict[str, _Sum] = {}
        for row, one in zip(rows, facts, strict=True):
            sums.setdefault(name(row), _Sum()).add(one)
        found = [one.tally(key) for key, one in sums.items()]
        return sorted(found, key=lambda tally: tally.input, reverse=True)

    return Now(
        by(lambda row: "all")[0] if rows else _Sum().tally("all"),
        tuple(by(lambda row: row.model or "?")),
        tuple(by(lambda row: row.provider or "?")),
        tuple(sorted(by(_day), key=_named)) if calendar else (),
        tuple(sorted(by(_hour), key=_named)) if calendar else (),
        tuple(by(lambda row: row.kind or "unnamed")),
        tuple(by(_Versions(world).of)[:_MOST_VERSIONS]),
        log.seconds,
        len({world.lanes[row.number] if world.lanes else row.conversation for row in rows}),
    )


def _facts(world: World, base: Outcome, row: Row) -> _Facts:
    number, usage = row.number, row.usage
    if usage is None:
        cost, uncached = _known(base.cost[number]), _known(base.uncached[number])
        tokens = base.input[number], base.read[number], base.written[number]
        return _Facts(*tokens, row.output, cost, uncached, False)
    price = world.pricer(row.provider, row.model)
    cost = row.cost if row.cost is not None else price.cost(usage)
    tokens = usage.input, usage.read, usage.written
    return _Facts(*tokens, row.output, cost, price.uncached(usage), True)


def _known(cost: float) -> float | None:
    return None if isnan(cost) else cost


def _day(row: Row) -> str:
    return _moment(row.time // 3600)[0]


def _hour(row: Row) -> str:
    return _moment(row.time // 3600)[1]


@lru_cache(1024)
def _moment(hours: float) -> tuple[str, str]:
    """Day and hour that so many hours since 1970 are."""
    moment = datetime.fromtimestamp(hours * 3600, UTC)
    return moment.strftime("%Y-%m-%d"), moment.strftime("%H:00")


def _named(tally: Tally) -> str:
    return tally.name


class _Versions:
    """Names of what stands before the messages."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._names: dict[int, str] = {}

    def of(self, row: Row) -> str:
        """A short digest; "" for a prompt without tools and system text."""
        head = self._world.heads[row.node]
        name = self._names.get(head)
        if name is None:
            key, log = b"", self._world.log
            for number in log.trie.path(head):
                key = digest(key, log.segments.faces[number].digest)
            name = self._names[head] = key.hex()[:8]
        return name


def by_row(values: Sequence[float]) -> float:
    """Sum of what is known."""
    return sum(value for value in values if not isnan(value))
