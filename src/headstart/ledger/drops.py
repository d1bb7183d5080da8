"""Requests that have no row: counted and summed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isfinite

from headstart.usage import RequestRecord


@dataclass(frozen=True, slots=True)
class Drops:
    """Sums over requests. ``cost`` and ``cost_uncached`` (USD) leave unknown prices aside."""

    time: float = inf
    """Of the first of them, Unix seconds."""
    until: float = -inf
    """Of the last."""
    requests: int = 0
    fresh: int = 0
    read: int = 0
    written: int = 0
    output: int = 0
    cost: float = 0.0
    cost_uncached: float = 0.0

    def __bool__(self) -> bool:
        return self.requests > 0

    def plus(self, record: RequestRecord) -> Drops:
        """With one more request, however broken it is."""
        try:
            usage = record.usage
            return replace(
                self,
                time=min(self.time, record.time),
                until=max(self.until, record.time),
                requests=self.requests + 1,
                fresh=self.fresh + usage.fresh,
                read=self.read + usage.read,
                written=self.written + usage.written,
                output=self.output + usage.output,
                cost=self.cost + _known(record.cost),
                cost_uncached=self.cost_uncached + _known(record.cost_uncached),
            )
        except (AttributeError, TypeError, ValueError, OverflowError):
            return replace(self, requests=self.requests + 1)

    def __add__(self, other: Drops) -> Drops:
        return Drops(
            min(self.time, other.time),
            max(self.until, other.until),
            self.requests + other.requests,
            self.fresh + other.fresh,
            self.read + other.read,
            self.written + other.written,
            self.output + other.output,
            self.cost + other.cost,
            self.cost_uncached + other.cost_uncached,
        )


def _known(money: float | None) -> float:
    return money if money is not None and isfinite(money) else 0.0
