"""What may be spent in each hour or day, refunds included, never carried over."""

from __future__ import annotations

import math
from typing import NamedTuple


class Grant(NamedTuple):
    """Money set aside, and the period that it is of."""

    usd: float
    since: float


class Allowance:
    """USD for each period of ``seconds``, which begins with its first grant."""

    def __init__(self, usd: float, seconds: float) -> None:
        if not (usd >= 0 and seconds > 0):
            raise ValueError(f"{usd} USD in {seconds} s")
        self._limit = usd
        self._seconds = seconds
        self._since = -math.inf
        self.spent = 0.0
        """In this period."""
        self.refused = 0
        """Grants that were not given."""

    def take(self, usd: float, now: float) -> Grant | None:
        """Set it aside; None if it is not there."""
        # Where the clock was set back, the period is as long as ever, and not longer.
        self._since = min(self._since, now)
        if now - self._since >= self._seconds:
            self._since, self.spent = now, 0.0
        if not 0 <= usd <= self._limit - self.spent:
            self.refused += 1
            return None
        self.spent += usd
        return Grant(usd, self._since)

    def settle(self, grant: Grant, usd: float) -> Grant:
        """It turned out to cost this. What is left over of an earlier period's grant does not
        make this period's any larger; what is lacking is taken from this one."""
        change = usd - grant.usd
        if grant.since == self._since or change > 0:
            self.spent = max(0.0, self.spent + change)
        return Grant(usd, grant.since)
