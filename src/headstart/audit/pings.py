"""Pauses: keeping entries warm through them, and the log as it were without them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from headstart.audit.log import Row
from headstart.audit.replay import Change
from headstart.audit.world import Request, World

_EARLY: Final = 0.9
"""Of the lifetime: when a ping goes out."""
MOST_PINGS: Final = 12
"""In one pause."""


def lifetime(world: World, request: Request | Row) -> float:
    """Seconds that what a request writes lives after its last use."""
    if request.marks:
        return min(ttl for _, ttl in request.marks)
    rules = world.rules(request.provider, request.model)
    return rules.lifetimes[0].seconds if rules.lifetimes else float("inf")


def next_uses(world: World, times: Sequence[float]) -> dict[int, float]:
    """Row -> when its conversation goes on, where it does."""
    last: dict[int, int] = {}
    found: dict[int, float] = {}
    for row in world.log.rows:
        lane = world.lanes[row.number]
        if lane in last:
            found[last[lane]] = times[row.number]
        last[lane] = row.number
    return found


class KeptAlive(Change):
    """What a conversation has read or written is read now and then until it goes on."""

    apart = True

    def __init__(
        self,
        world: World,
        times: Sequence[float] | None = None,
        *,
        most: int = MOST_PINGS,
        free: bool = False,
    ) -> None:
        """``times`` of the rows, where they are not the log's; ``most`` requests in one pause,
        a longer one is let go; ``free``: they cost nothing."""
        self._world = world
        self._next = next_uses(world, times or [row.time for row in world.log.rows])
        self._most = most
        self._free = free

    @property
    def needed(self) -> bool:
        """Whether there is any pause that is longer than a lifetime."""
        log, known = self._world.log, self._world.known
        rows = (log.rows[number] for number in self._next)
        return any(known(row) and self._count(row.number, row) for row in rows)

    def pings(self, request: Request) -> Iterable[Request]:
        count = self._count(request.row.number, request)
        step = lifetime(self._world, request) * _EARLY
        for i in range(1, count + 1):
            yield request._replace(time=request.time + i * step, ping=True, free=self._free)

    def _count(self, number: int, request: Request | Row) -> int:
        until = self._next.get(number)
        life = lifetime(self._world, request)
        if until is None or until - request.time < life:
            return 0
        count = int((until - request.time) / (life * _EARLY))
        return count if count <= self._most else 0


class Unpaused(Change):
    """Nobody rested for longer than a lifetime: all requests of an application after such a
    pause come earlier by it."""

    apart = True

    def __init__(self, times: Sequence[float]) -> None:
        """``times``: of each row."""
        self._times = times

    def when(self, row: Row, time: float) -> float:
        return self._times[row.number]


def unpaused(world: World, apps: Sequence[object]) -> list[float]:
    """Times of the rows for ``Unpaused``, with the application of each."""
    rows = world.log.rows
    usual: dict[object, list[float]] = {}
    last: dict[object, float] = {}
    lives: dict[object, float] = {}
    for row in rows:
        app = apps[row.number]
        if world.known(row):
            life = lifetime(world, row)
            lives[app] = min(life, lives.get(app, life))
        if app in last:
            usual.setdefault(app, []).append(row.time - last[app])
        last[app] = row.time
    short = {app: _usual(gaps, lives.get(app, float("inf"))) for app, gaps in usual.items()}
    found, moved = [row.time for row in rows], dict[object, float]()
    last.clear()
    for row in rows:
        app = apps[row.number]
        gap = row.time - last.get(app, row.time)
        if gap >= lives.get(app, float("inf")):
            moved[app] = moved.get(app, 0.0) + gap - short[app]
        last[app] = row.time
        found[row.number] -= moved.get(app, 0.0)
    return found


def _usual(gaps: Sequence[float], life: float) -> float:
    """The median of those gaps that are shorter than a lifetime."""
    ordinary = sorted(gap for gap in gaps if gap < life)
    return ordinary[len(ordinary) // 2] if ordinary else min(1.0, life / 2)
