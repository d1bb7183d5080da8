"""What replicas hold by the plainest means: a table of symbols for each, looked through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

from headstart.planner.affinity import Level, ReplicaHistory, Touched


@dataclass
class Row:
    """A symbol that is held: tokens through it and of its own, and its last use."""

    end: int
    tokens: int
    tick: int


@dataclass
class Table:
    """One replica. ``rows`` by the whole prefix that ends in the symbol."""

    capacity: int
    rows: dict[bytes, Row] = field(default_factory=dict)

    def held(self) -> int:
        return sum(row.tokens for row in self.rows.values())

    def evict(self) -> None:
        while self.held() > self.capacity:
            del self.rows[min(self.rows, key=lambda p: (self.rows[p].tick, -len(p)))]


class NaiveHistory(ReplicaHistory):
    """See ``ReplicaHistory``."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.tables: dict[int, Table] = {}
        self.tick = 0

    def add(self, slot: int, capacity: int) -> None:
        assert slot not in self.tables
        self.tables[slot] = Table(capacity)

    def remove(self, slot: int) -> None:
        del self.tables[slot]

    def resize(self, slot: int, capacity: int) -> None:
        self.tables[slot].capacity = capacity
        self.tables[slot].evict()

    def clear(self, slot: int) -> None:
        self.tables[slot].rows.clear()

    def prefixes(self, key: bytes) -> list[bytes]:
        return [key[:at] for at in range(self.width, len(key) + 1, self.width)]

    def match(self, key: bytes) -> list[Level]:
        reach: dict[int, int] = {}
        for slot, table in self.tables.items():
            tokens = 0
            for prefix in self.prefixes(key):
                if prefix not in table.rows:
                    break
                tokens = table.rows[prefix].end
            reach[tokens] = reach.get(tokens, 0) | 1 << slot
        weights = self.weights(key)
        return [
            Level(tokens, reach[tokens], sum(w for end, w in weights if end > tokens))
            for tokens in sorted(reach, reverse=True)
        ]

    def weights(self, key: bytes) -> list[tuple[int, float]]:
        """Of each symbol that anybody holds: where it ends, and its weighed tokens."""
        every = {p: row for table in self.tables.values() for p, row in table.rows.items()}
        known = [prefix for prefix in self.prefixes(key) if prefix in every]
        found, most = [], 1
        for prefix in reversed(known):
            most = max(most, len({p for p in every if p[: -self.width] == prefix}))
            found.append((every[prefix].end, every[prefix].tokens / sqrt(most)))
        return found

    def touch(self, slot: int, key: bytes, ends: Sequence[int]) -> Touched:
        self.tick += 1
        table, known, before = self.tables[slot], 0, 0
        stages: list[tuple[int, int]] = []
        for prefix, end in zip(self.prefixes(key), ends, strict=True):
            row = table.rows.get(prefix)
            if row is None:
                table.rows[prefix] = Row(end, end - before, self.tick)
            else:
                known = end
                if stages and stages[-1][1] == row.tick:
                    stages.pop()
                stages.append((end, row.tick))
                row.tick = self.tick
            before = end
        table.evict()
        return Touched(self.tick, known, tuple(stages))

    def retract(self, slot: int, touched: Touched) -> None:
        rows = self.tables[slot].rows
        for prefix in [p for p, row in rows.items() if row.tick == touched.tick]:
            if rows[prefix].end > touched.known:
                del rows[prefix]

    def expire(self, slot: int, tick: int) -> int:
        table = self.tables[slot]
        before = table.held()
        table.rows = {prefix: row for prefix, row in table.rows.items() if row.tick > tick}
        return before - table.held()

    def held(self, slot: int) -> int:
        return self.tables[slot].held()
