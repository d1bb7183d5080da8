"""Keeping a prefix warm: when another ping is worth its price.

A ping reads the prefix (and so refreshes it) before its lifetime ``ttl`` ends. ``w`` and
``r`` as in ``breakeven``; ``rho`` is what one ping costs in units of the prefix.
"""

from __future__ import annotations

from headstart.pricing.gaps import Within

MOST_PINGS = 1_000


def ping_cost(r: float, prefix: int, rest: float = 0.0) -> float:
    """rho: the prefix read once, and ``rest``, the cost of the ping's own suffix and output
    in base input tokens. ValueError without a prefix."""
    if prefix < 1:
        raise ValueError(f"a prefix of {prefix} tokens")
    return r + rest / prefix


def least_hazard(w: float, r: float, rho: float) -> float:
    """The probability of a use in the next ``ttl``, given that none came so far, above which
    a ping pays."""
    return rho / (w - r)


def ping_pays(number: int, within: Within, ttl: float, w: float, r: float, rho: float) -> bool:
    """Whether the K-th ping, ``number`` from 1 on, pays by itself."""
    survived = 1 - within(number * ttl)
    if survived <= 0:
        return False
    hazard = (within((number + 1) * ttl) - within(number * ttl)) / survived
    return hazard > least_hazard(w, r, rho)


def pings_worth(within: Within, ttl: float, w: float, r: float, rho: float) -> int:
    """How many pings to send at most, for the greatest expected saving: the sum over all of
    them, so that one that loses may lead to one that gains. Where more always gains, the
    number ends where the rest is worth nothing, or at ``MOST_PINGS``."""
    best = total = 0.0
    number = 0
    for k in range(1, MOST_PINGS + 1):
        gained = (within((k + 1) * ttl) - within(k * ttl)) * (w - r)
        total += gained - (1 - within(k * ttl)) * rho
        if total > best:
            best, number = total, k
    return number


def pings_without_information(w: float, r: float, rho: float) -> int:
    """After how many pings to stop when nothing is known of the gaps: what was spent then is
    what a rewrite costs, so that it is at most twice the best in hindsight."""
    return int((w - r) / rho + 1e-9)
