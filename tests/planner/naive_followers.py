"""Leaders and followers by the plainest means: lists, looked through each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from headstart.planner import Key, Runner
from headstart.planner.followers import MOST_WAIT, SAMPLES
from headstart.planner.shares import Group


@dataclass
class Row:
    """One request; ``behind`` is the one that it waits for."""

    serial: int
    runner: Runner
    state: str = "going"
    leads: set[Group] = field(default_factory=set)
    started: float = 0.0
    until: float = 0.0
    behind: Row | None = None
    group: Group | None = None


class NaiveFollowers:
    """See ``Followers``."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.times: dict[Key, list[float]] = {}

    def leader(self, group: Group) -> Row | None:
        found = [row for row in self.rows if group in row.leads]
        assert len(found) <= 1, "a group has two leaders"
        return found[0] if found else None

    def limit(self, key: Key) -> float:
        times = self.times.get(key, [])[-SAMPLES:]
        return min(MOST_WAIT, median(times)) if times else 0.0

    def arrive(self, serial: int, runner: Runner, now: float) -> float | None:
        row = Row(serial, runner)
        self.rows.append(row)
        limit = self.limit(runner.key)
        row.until = now + limit
        if not limit or not self.seat(row):
            self.go(row, now)
            return None
        assert row.behind is not None
        if row.behind.started + median(self.times[runner.key][-SAMPLES:]) > row.until:
            self.go(row, now)
            return None
        return row.until

    def seat(self, row: Row) -> bool:
        for group, _ in row.runner.reads:
            leader = self.leader(group)
            if leader is not None:
                row.state, row.behind, row.group = "waiting", leader, group
                return True
        return False

    def go(self, row: Row, now: float, tokens: int = 0) -> None:
        row.state, row.started, row.behind = "going", now, None
        row.runner = row.runner._replace(
            writes=tuple(prefix for prefix in row.runner.writes if prefix[1] > tokens)
        )
        if row.runner.leads:
            row.leads = {group for group, _ in row.runner.writes if self.leader(group) is None}

    def followers(self, row: Row) -> list[Row]:
        return [other for other in self.rows if other.behind is row]

    def began(self, serial: int, now: float) -> list[int]:
        row = self.take(serial)
        if row is None:
            return []
        if row.runner.leads and row.runner.writes:
            self.times.setdefault(row.runner.key, []).append(now - row.started)
        released = self.followers(row)
        for other in released:
            assert other.group is not None
            self.go(other, now, dict(other.runner.reads)[other.group])
        return [other.serial for other in released]

    def gone(self, serial: int, now: float) -> list[int]:
        row = self.take(serial)
        released = []
        for other in self.followers(row) if row is not None else []:
            other.behind = None
            if other.until <= now or not self.seat(other):
                self.go(other, now)
                released.append(other.serial)
        return released

    def expire(self, serial: int, now: float) -> None:
        row = next(row for row in self.rows if row.serial == serial)
        if row.behind is not None:
            row.behind.leads = set()
            self.go(row, now)

    def take(self, serial: int) -> Row | None:
        found = [row for row in self.rows if row.serial == serial]
        self.rows = [row for row in self.rows if row.serial != serial]
        return found[0] if found else None
