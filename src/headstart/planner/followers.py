"""Leader and followers: who waits for whose first byte.

Of requests with one long cold prefix that come together, each would write it. One goes ahead,
and the others wait until it can be read: a follower waits behind one leader, in one group. A
leader that fails, or whose first follower's patience ends, leads no more; of those behind a
failed one the first goes, the others wait on behind it, for what is left of their time.

``now`` is seconds on one clock of the caller's choice; one that goes back is held where it
was. Nothing here waits: the caller does, until it is told, or until ``Seat.until``.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from math import inf
from statistics import median
from typing import Final, NamedTuple

from headstart.planner.contract import Key
from headstart.planner.shares import Group, Runner

MOST_WAIT: Final = 2.0
"""Seconds."""
MOST_RUNNERS: Final = 4096
"""Requests under way that are looked at; any more neither lead nor wait."""
MOST_KEYS: Final = 1024
"""Whose times to first byte are remembered, the latest ones."""
SAMPLES: Final = 33
"""Times of each key: a median of the recent ones."""


class Seat(NamedTuple):
    """A request's place. ``serial`` names it."""

    serial: int
    until: float | None
    """Wait, until then at most; None: go at once."""


@dataclass(slots=True)
class _Going:
    """A request on its way, until its first byte."""

    runner: Runner
    started: float
    behind: dict[int, None] = field(default_factory=dict)
    """Serials of those that wait for it, in the order in which they came."""


@dataclass(slots=True)
class _Waiting:
    """A request held back."""

    runner: Runner
    until: float
    leader: int
    group: Group


class Followers:
    """Groups of any number of keys. Not safe across threads. Memory is bounded."""

    def __init__(self, most: int = MOST_RUNNERS) -> None:
        self._most = most
        self._going: dict[int, _Going] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._led: dict[Group, int] = {}
        self._times: OrderedDict[Key, deque[float]] = OrderedDict()
        self._serial = 0
        self._now = -inf

    def __len__(self) -> int:
        """Requests that go or wait."""
        return len(self._going) + len(self._waiting)

    @property
    def groups(self) -> dict[Group, int]:
        """The leader of each group that has one."""
        return dict(self._led)

    def limit(self, key: Key) -> float:
        """Seconds that a follower waits at most: the median time to first byte of requests
        that wrote, and 2 at most. 0 until one was seen."""
        times = self._times.get(key)
        return min(MOST_WAIT, median(times)) if times else 0.0

    def arrive(self, runner: Runner, now: float) -> Seat:
        """A request is ready to go out. Of each, exactly one of ``began`` and ``gone`` is to
        be told at the end, whatever became of it; a second one is nothing."""
        self._now = now = max(now, self._now)
        self._serial = serial = self._serial + 1
        if len(self) >= self._most:
            return Seat(serial, None)
        group = self._group(runner)
        limit = self.limit(runner.key) if group is not None else 0.0
        if group is None or not self._in_time(group, limit, now):
            self._go(serial, runner, now)
            return Seat(serial, None)
        leader = self._led[group]
        self._waiting[serial] = _Waiting(runner, now + limit, leader, group)
        self._going[leader].behind[serial] = None
        return Seat(serial, now + limit)

    def began(self, serial: int, now: float) -> list[int]:
        """The first byte of a good answer is there: what the request wrote can be read.
        Those that are to go now, all that waited for it."""
        self._now = now = max(now, self._now)
        going = self._retire(serial)
        if going is None:
            return []
        if going.runner.leads and going.runner.writes:
            self._learn(going.runner.key, now - going.started)
        released = list(going.behind)
        for follower in released:
            waiting = self._waiting.pop(follower)
            self._go(follower, _past(waiting.runner, waiting.group), now)
        return released

    def gone(self, serial: int, now: float) -> list[int]:
        """The request failed, was cut before its first byte, or its client left, waiting or
        not. Those that are to go now: the first that waited for it, and each after it that
        has none to wait for."""
        self._now = now = max(now, self._now)
        self._leave(serial)
        going = self._retire(serial)
        return [] if going is None else [s for s in going.behind if not self._seated(s, now)]

    def expire(self, serial: int, now: float) -> None:
        """The wait is over without an answer: the request goes, and nobody new waits for a
        leader that is this late."""
        self._now = now = max(now, self._now)
        waiting = self._leave(serial)
        if waiting is not None:
            self._step_down(waiting.leader)
            self._go(serial, waiting.runner, now)

    def _seated(self, serial: int, now: float) -> bool:
        """Whether it waits on, behind another leader; otherwise it goes."""
        waiting = self._waiting[serial]
        group = self._group(waiting.runner) if waiting.until > now else None
        if group is None:
            del self._waiting[serial]
            self._go(serial, waiting.runner, now)
            return False
        waiting.group, waiting.leader = group, self._led[group]
        self._going[waiting.leader].behind[serial] = None
        return True

    def _group(self, runner: Runner) -> Group | None:
        """The longest prefix that somebody is about to make readable for it."""
        return next((group for group, _ in runner.reads if group in self._led), None)

    def _in_time(self, group: Group, limit: float, now: float) -> bool:
        """Whether the leader's first byte is to be expected within the limit."""
        if limit <= 0:
            return False
        usual = median(self._times[group[0]])
        return self._going[self._led[group]].started + usual <= now + limit

    def _go(self, serial: int, runner: Runner, now: float) -> None:
        """On its way; what it writes and nobody else does, it leads."""
        self._going[serial] = _Going(runner, now)
        if runner.leads:
            for group, _ in runner.writes:
                self._led.setdefault(group, serial)

    def _retire(self, serial: int) -> _Going | None:
        self._step_down(serial)
        return self._going.pop(serial, None)

    def _step_down(self, serial: int) -> None:
        """It leads no group any more; those behind it stay there."""
        going = self._going.get(serial)
        for group, _ in going.runner.writes if going is not None else ():
            if self._led.get(group) == serial:
                del self._led[group]

    def _leave(self, serial: int) -> _Waiting | None:
        waiting = self._waiting.pop(serial, None)
        if waiting is not None:
            self._going[waiting.leader].behind.pop(serial, None)
        return waiting

    def _learn(self, key: Key, seconds: float) -> None:
        times = self._times.setdefault(key, deque(maxlen=SAMPLES))
        times.append(seconds)
        self._times.move_to_end(key)
        if len(self._times) > MOST_KEYS:
            self._times.popitem(last=False)


def _past(runner: Runner, group: Group) -> Runner:
    """The same request once it reads that group's prefix: it writes only what is longer."""
    tokens = dict(runner.reads)[group]
    return runner._replace(writes=tuple(p for p in runner.writes if p[1] > tokens))
