"""What a replay gives: tokens and money of each row, and their sums."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from headstart.usage import MissReason

_COLUMNS: Final = ("input", "read", "written", "cost", "uncached", "reasons", "lost")


@dataclass
class Outcome:
    """What each row of the log gets: element ``row.number`` of each array."""

    input: array[int]
    read: array[int]
    written: array[int]
    cost: array[float]
    """USD, output included; NaN where there is no price."""
    uncached: array[float]
    reasons: list[MissReason | None]
    lost: array[int]
    """What the emulator says that the reason costs; only where reasons were asked for."""
    ping_cost: float = 0.0
    pings: int = 0
    warnings: set[str] = field(default_factory=set)

    @classmethod
    def empty(cls, rows: int) -> Outcome:
        """Of so many rows."""
        zeros, nan = array("q", bytes(8 * rows)), array("d", [float("nan")]) * rows
        return cls(zeros[:], zeros[:], zeros[:], nan[:], nan[:], [None] * rows, zeros[:])

    @classmethod
    def joined(
        cls, rows: int, parts: Sequence[tuple[Outcome, Collection[int]]], base: Outcome | None
    ) -> Outcome:
        """Each part's results for the rows that it is about, and for all others what tokens
        they had and cost in ``base``."""
        found = cls.empty(rows)
        if base is not None:
            found.input, found.read, found.written = base.input[:], base.read[:], base.written[:]
            found.cost = base.cost[:]
        for part, numbers in parts:
            for name in _COLUMNS:
                column, own = getattr(found, name), getattr(part, name)
                for number in numbers:
                    column[number] = own[number]
            found.ping_cost += part.ping_cost
            found.pings += part.pings
            found.warnings |= part.warnings
        return found

    @cached_property
    def total_read(self) -> int:
        """Tokens read in all."""
        return sum(self.read)

    @cached_property
    def total_input(self) -> int:
        """Input tokens in all."""
        return sum(self.input)

    @cached_property
    def total_cost(self) -> float | None:
        """USD in all, pings included; None where nothing has a price."""
        priced = [cost for cost in self.cost if cost == cost]
        return sum(priced) + self.ping_cost if priced else None

    @property
    def hit_rate(self) -> float:
        """Token hit rate."""
        return self.total_read / self.total_input if self.total_input else 0.0
