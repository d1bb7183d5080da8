"""The replay model that the reference figures are stated in, as a store of entries.

A request reads the longest live entry whose last block it has in the same place, and
refreshes it from the request's start; what lies between that and its last breakpoint is
written, for the longer lifetime up to the last breakpoint that asks for it; the rest is
plain input. Lifetimes count from the request's start, and entries are readable at once.
There is no lookback and no least length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from benchmarks.replay.calls import Call
from headstart.prompt import Mark

READ: Final = 0.1
SHORT: Final = 300.0
LONG: Final = 3600.0
WRITES: Final = {SHORT: 1.25, LONG: 2.0}
OUTPUT: Final = 5.0
"""Prices as multiples of plain input; every model is normalised to them."""


class Bill(NamedTuple):
    """Tokens of one request, and what they cost in units of plain input."""

    fresh: int
    read: int
    short: int
    long: int

    @property
    def cost(self) -> float:
        """Units, output left out."""
        return self.fresh + READ * self.read + WRITES[SHORT] * self.short + WRITES[LONG] * self.long


class Store:
    """Entries by digest: when they expire, and their lifetime."""

    def __init__(self) -> None:
        self._entries: dict[bytes, tuple[float, float]] = {}
        self._seen: set[bytes] = set()

    def hit(self, keys: Sequence[bytes], now: float) -> int:
        """The block at which the longest live entry ends; -1: there is none."""
        get = self._entries.get
        for block in range(len(keys) - 1, -1, -1):
            entry = get(keys[block])
            if entry is not None and entry[0] > now:
                return block
        return -1

    def shared(self, keys: Sequence[bytes]) -> int:
        """Leading blocks that some earlier request had, cached or not."""
        low, high = 0, len(keys)
        while low < high:
            middle = (low + high + 1) // 2
            if keys[middle - 1] in self._seen:
                low = middle
            else:
                high = middle - 1
        return low

    def bill(self, call: Call, marks: Iterable[Mark], hit: int) -> Bill:
        """What a request costs that reads up to block ``hit``."""
        read = call.end(hit) if hit >= 0 else 0
        past = [mark for mark in marks if mark.segment > hit]
        long = max((call.end(m.segment) for m in past if m.ttl == LONG), default=read)
        last = max((call.end(m.segment) for m in past), default=read)
        return Bill(call.tokens - max(last, long), read, max(last, long) - long, long - read)

    def serve(self, call: Call, marks: Sequence[Mark], now: float, *, asked: bool = False) -> Bill:
        """A request, or a ping, comes; its entries are written and read ones refreshed.
        ``asked``: as at a provider, nothing is found but from a directive at or behind it."""
        last = max((mark.segment for mark in marks), default=-1)
        hit = self.hit(call.keys[: last + 1] if asked else call.keys, now)
        bill = self.bill(call, marks, hit)
        entries = self._entries
        if hit >= 0:
            expiry, ttl = entries[call.keys[hit]]
            entries[call.keys[hit]] = (max(expiry, now + ttl), ttl)
        for segment, ttl in marks:
            if segment > hit:
                entries[call.keys[segment]] = (now + ttl, ttl)
        self._seen.update(call.keys[self.shared(call.keys) :])
        return bill
