"""How long until a prefix is used again: distributions, and the lifetime that suits one."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from headstart.pricing.breakeven import SECONDS, Lifetime, Multipliers, expected_cost

Within = Callable[[float], float]
"""F: seconds to the probability that the next use comes within them; never falling, and
below 1 for ever where a session may end."""


class Choice(NamedTuple):
    """What a use of a prefix costs, in units of the prefix at the base input price."""

    lifetime: Lifetime | None
    """None: not cached."""
    hit: float
    cost: float


def exponential(mean: float) -> Within:
    """Gaps of requests that come independently of each other, ``mean`` seconds apart."""
    if not mean > 0:
        raise ValueError(f"a mean gap of {mean} s")
    return lambda seconds: -math.expm1(-seconds / mean)


def observed(gaps: Sequence[float], ended: int = 0) -> Within:
    """The distribution of gaps that were seen; ``ended`` sessions had no next use. ValueError
    without any."""
    count = len(gaps) + ended
    if not count:
        raise ValueError("no gaps and no ends of sessions")
    ordered = sorted(gaps)
    return lambda seconds: bisect_right(ordered, seconds) / count


def ending(within: Within, death: float) -> Within:
    """The same gaps in sessions that end at each step with probability ``death``."""
    if not 0 <= death <= 1:
        raise ValueError(f"a probability of {death}")
    return lambda seconds: (1 - death) * within(seconds)


def choices(within: Within, offers: Sequence[Multipliers]) -> tuple[Choice, ...]:
    """Each lifetime, and none, by expected cost of a use, the cheapest first."""
    found = [Choice(None, 0.0, 1.0)]
    for offer in offers:
        hit = within(SECONDS[offer.lifetime])
        found.append(Choice(offer.lifetime, hit, expected_cost(offer.write, offer.read, hit)))
    return tuple(sorted(found, key=lambda choice: choice.cost))
