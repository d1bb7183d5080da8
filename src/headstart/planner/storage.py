"""Explicit cache objects that cost storage by the hour: whether, and how long, to hold one."""

from __future__ import annotations

from math import inf


def least_reads(storage: float, read: float, implicit: float = 0.0) -> float:
    """Reads an hour above which an object pays: s / (1 - r), divided by (1 - p) where the
    provider's implicit cache hits with probability p anyway.

    ``storage`` is the price of a token and hour, ``read`` that of a read, both as multiples
    of plain input's; ValueError if a share is outside of 0 to 1.
    """
    if not (0 <= read <= 1 and 0 <= implicit <= 1 and storage >= 0):
        raise ValueError(f"storage {storage}, read {read}, implicit {implicit}")
    saved = (1 - read) * (1 - implicit)
    return storage / saved if saved else inf


def hold(storage: float, read: float) -> float:
    """Seconds to hold an object after its last use for one who knows nothing of the next:
    until storing has cost what one read saves, which is at most twice what knowing the
    future would cost. ``inf`` where storage is free."""
    if not (0 <= read <= 1 and storage >= 0):
        raise ValueError(f"storage {storage}, read {read}")
    return (1 - read) / storage * 3600 if storage else inf


def worth_creating(
    reads_per_hour: float, storage: float, read: float, implicit: float = 0.0
) -> bool:
    """Whether traffic of so many requests an hour with this prefix pays for an object."""
    return reads_per_hour > least_reads(storage, read, implicit)
