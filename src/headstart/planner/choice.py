"""Which places of a prompt to write, and for how long, by expected cost.

The premium of a breakpoint is paid on tokens that are not cached yet, while its entry
protects everything before it: after a read of A tokens, a long breakpoint a few tokens
further on makes the whole prefix last, at the price of these few. So the choice is of two
places: up to ``long`` everything is written for the longer lifetime, from there to ``short``
for the shorter one, and the rest is not written at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headstart.planner.contract import Rates
from headstart.planner.gaps import within


class Place(NamedTuple):
    """A place that may be written. Tokens from the place before it to this one live as long
    as the longest entry at or after it."""

    segment: int
    tokens: int
    hazards: list[float]
    """Of the next use of the prefix that ends here."""
    held: float = 0.0
    """Seconds for which entries that are there now protect it whatever is written."""


class Choice(NamedTuple):
    """Numbers of places; -1: none. ``short >= long``."""

    long: int
    short: int
    cost: float
    """Units of input that the request itself then costs, output left out."""
    gain: float
    """Units that its entries are expected to save the next requests."""


class Prices(NamedTuple):
    """What a choice is reckoned with."""

    read: float
    short: tuple[float, float]
    """Lifetime in seconds, and multiple."""
    long: tuple[float, float] | None

    @classmethod
    def of(cls, rates: Rates) -> Prices:
        """The shortest and the longest lifetime sold; ValueError if there is none."""
        if not rates.writes:
            raise ValueError("no lifetime is sold")
        long = rates.writes[-1] if len(rates.writes) > 1 else None
        return cls(rates.read, rates.writes[0], long)


def choose(places: Sequence[Place], read: int, total: int, prices: Prices, room: float) -> Choice:
    """The choice of least expected cost whose own cost exceeds ``total`` by no more than
    ``room``. ``places`` rise, and those within what is ``read`` have their ``held``."""
    gains = _gains(places, prices)
    written = [max(0, place.tokens - read) for place in places]
    base = prices.read * read + total - read
    premium, most, count = prices.short[1] - 1, total + room, len(places)
    rest = [sum([gain[0] for gain in gains[first:]]) for first in range(count + 1)]
    best = Choice(-1, -1, base, rest[0])
    least, head = best.cost - best.gain, 0.0
    for long in range(-1, count if prices.long else 0):
        kept = 0
        if long >= 0:
            kept = written[long]
            head += gains[long][2]
            if not kept:
                continue
        upto = base + kept * ((prices.long[1] if prices.long else 0) - 1)
        middle = 0.0
        for short in range(max(long, 0), count):
            if short > long:
                middle += gains[short][1]
                if not written[short]:
                    continue
            cost = upto + (written[short] - kept) * premium
            if cost > most:
                break
            gain = head + middle + rest[short + 1]
            if cost - gain < least:
                best, least = Choice(long, short, cost, gain), cost - gain
    return best


def _gains(places: Sequence[Place], prices: Prices) -> list[tuple[float, float, float]]:
    """What each place's own tokens are expected to save if nothing is written, or for the
    shorter, or for the longer lifetime."""
    worth = worth_of(places[-1].hazards, prices) if places else 0.0
    found, before = [], 0
    for place in places:
        tokens, before = place.tokens - before, place.tokens
        lives = (place.held, prices.short[0], prices.long[0] if prices.long else 0.0)
        found.append(_worth(place.hazards, lives, worth * tokens))
    return found


def worth_of(hazards: list[float], prices: Prices) -> float:
    """Units that one token still warm at the next use saves: without it, that use would
    process it anew, and write it if by then writing pays, which is taken to be as likely as
    a use within the lifetime."""
    lifetime, multiple = prices.short
    return 1 - prices.read + (multiple - 1) * within(hazards, 0, lifetime)


def _worth(
    hazards: list[float], lives: tuple[float, float, float], worth: float
) -> tuple[float, float, float]:
    held, short, long = lives
    kept = within(hazards, 0, held) * worth if held > 0 else 0.0
    brief = max(kept, within(hazards, 0, short) * worth)
    return kept, brief, max(brief, within(hazards, 0, long) * worth if long else 0.0)
