"""When caching a prefix pays.

Costs are in units of the prefix at the base input price. ``w`` is the write multiplier
(Anthropic: 1.25 for 5 m, 2 for 1 h), ``r`` the read multiplier (0.1, on newer models less),
``r < 1`` and ``r < w``.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from headstart.pricing.prices import Price

Lifetime = Literal["automatic", "5m", "30m", "1h", "12h"]
SECONDS: dict[Lifetime, float] = {
    # OpenAI says 5 to 10 minutes for its automatic cache, most others nothing.
    "automatic": 300.0,
    "5m": 300.0,
    "30m": 1800.0,
    "1h": 3600.0,
    "12h": 43200.0,
}
"""What each lifetime lasts after the last use."""
_TINY = 1e-9


class Multipliers(NamedTuple):
    """One lifetime that a model's provider sells, over the base input price."""

    lifetime: Lifetime
    write: float
    read: float


class Parallel(NamedTuple):
    """N requests with one new prefix at the same time, in units of the prefix."""

    together: float
    """Each of them writes."""
    leader_first: float
    """One writes, and the others wait for its first byte, then read."""

    @property
    def factor(self) -> float:
        """How many times cheaper it is to wait."""
        return self.together / self.leader_first


def multipliers(price: Price) -> tuple[Multipliers, ...]:
    """Every lifetime that a model has, the shortest first; "automatic" alone where nothing
    is charged for writes; () for a model without a read price or without input price."""
    if not price.input or price.read >= price.input:
        return ()
    read = price.read / price.input
    writes: tuple[tuple[Lifetime, float | None], ...] = (
        ("5m", price.write_5m),
        ("30m", price.write_30m),
        ("1h", price.write_1h),
        ("12h", price.write_12h),
    )
    sold = tuple(Multipliers(n, w / price.input, read) for n, w in writes if w is not None)
    return sold or (Multipliers("automatic", 1.0, read),)


def expected_cost(w: float, r: float, hit: float) -> float:
    """Cost of a use whose prefix is still there with probability ``hit``; 1 without cache."""
    return w - hit * (w - r)


def break_even_hit_rate(w: float, r: float) -> float:
    """Least probability of a next use in time, in a chain that goes on, for which to write."""
    return max(0.0, (w - 1) / (w - r))


def break_even_last_use(w: float, r: float) -> float | None:
    """The same if there is at most one more use; None: it can't pay."""
    needed = max(0.0, (w - 1) / (1 - r))
    return needed if needed <= 1 else None


def reads_to_repay(w: float, r: float) -> int:
    """Reads that repay one write."""
    return max(0, math.ceil((w - 1) / (1 - r) - _TINY))


def longer_pays_below(w_short: float, w_long: float, r: float) -> float:
    """The longer lifetime is cheaper iff the share of gaps beyond it, S(long), is less than
    this times the share of gaps beyond the shorter, S(short)."""
    return (w_short - r) / (w_long - r)


def parallel(requests: int, w: float, r: float) -> Parallel:
    """What a leader saves; ValueError for less than one request."""
    if requests < 1:
        raise ValueError(f"{requests} requests")
    return Parallel(requests * w, w + (requests - 1) * r)
