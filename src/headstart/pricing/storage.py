"""When an explicit cache object, rented by the hour, pays (Gemini's ``cachedContents``).

``s`` is an hour's storage and ``d`` a read, both over the base input price.
"""

from __future__ import annotations

from typing import NamedTuple

from headstart.pricing.prices import Price


class Storage(NamedTuple):
    """A model's explicit cache, over its base input price."""

    hour: float
    read: float


def storage_of(price: Price) -> Storage | None:
    """None where no storage price is published."""
    if price.storage is None or not price.input:
        return None
    return Storage(price.storage / price.input, price.read / price.input)


def reads_per_hour(s: float, d: float, implicit: float = 0.0) -> float:
    """Reads an hour above which an object pays; ``implicit`` is the probability that an
    automatic cache would have had the prefix anyway. Infinite where it always has."""
    saved = (1 - d) * (1 - implicit)
    return s / saved if saved > 0 else float("inf")


def hours_without_information(s: float, d: float) -> float:
    """How long to hold an object that is not read, when nothing is known of its use: until
    its storage has cost what a read would have saved."""
    return (1 - d) / s
