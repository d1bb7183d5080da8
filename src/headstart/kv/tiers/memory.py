"""Pages in host memory, for engines that have no memory of their own to give."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from headstart.kv.tiers.books import Books
from headstart.kv.tiers.contract import (
    EVERYTHING,
    Buffer,
    PageKey,
    Seen,
    Selection,
    Tier,
    TierEntry,
    TierStats,
    ignore,
)

PIECE_BYTES = 512 << 10
"""Fits a core's second-level cache: what was copied is verified before it leaves it."""


class MemoryTier(Tier):
    """A dictionary under a byte limit. Reads cost one memcpy."""

    name = "memory"
    local = True

    def __init__(
        self,
        limit: int,
        floor: int | None = None,
        strict: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``limit`` and ``floor`` (of each scope) in bytes."""
        self._books = Books(limit, floor, strict)
        self._data: dict[str, bytes] = {}
        self._clock = clock
        self._lock = threading.Lock()
        self._count = self._books.count

    def has(self, keys: Sequence[PageKey]) -> int:
        """How many leading keys are there."""
        with self._lock:
            return self._books.has(keys)

    def get(self, key: PageKey) -> Buffer | None:
        """The whole object."""
        with self._lock:
            data = self._data.get(key.name)
            if data is None:
                self._count.misses += 1
            else:
                self._count.hits += 1
        return data

    def read(self, key: PageKey, into: Sequence[memoryview], seen: Seen = ignore) -> int | None:
        """Copy the object into buffers."""
        data = self.get(key)
        return None if data is None else scatter(data, into, seen)

    def put(self, key: PageKey, parts: Sequence[Buffer]) -> bool:
        """Store a copy."""
        size = sum(len(part) for part in parts)
        with self._lock:
            if key.name in self._data:
                return True
            gone = self._books.make_room(key, size, self._clock())
            if gone is None:
                self._count.dropped += 1
                return False
            for victim in gone:
                del self._data[victim.name]
            self._data[key.name] = b"".join(parts)
            self._books.add(key, size, self._clock())
            self._count.stored += 1
        return True

    def touch(self, keys: Sequence[PageKey], now: float) -> None:
        """Count a use of each key."""
        with self._lock:
            self._books.touch(keys, now)

    def delete(self, key: PageKey, damaged: bool = False) -> None:
        """Remove one object."""
        with self._lock:
            self._count.damaged += damaged
            if self._books.remove(key.name):
                del self._data[key.name]

    def drop(self, which: Selection) -> int:
        """Remove every page that matches."""
        with self._lock:
            found = [record.key.name for record in self._books.select(which)]
            for name in found:
                self._books.remove(name)
                del self._data[name]
        return len(found)

    def lease(self, keys: Sequence[PageKey], until: float, now: float) -> int:
        """Keep pages until a time."""
        with self._lock:
            return self._books.lease(keys, until, now)

    def pin(self, keys: Sequence[PageKey]) -> int:
        """Keep pages until ``unpin``; PinBudgetExceeded."""
        with self._lock:
            return self._books.pin(keys)

    def unpin(self, keys: Sequence[PageKey]) -> int:
        """Undo ``pin``."""
        with self._lock:
            return self._books.unpin(keys)

    def entries(self, which: Selection = EVERYTHING) -> Iterator[TierEntry]:
        """Every stored page that matches."""
        with self._lock:
            return iter(list(self._books.entries(which)))

    def stats(self) -> TierStats:
        """Gauges and counters."""
        with self._lock:
            return self._books.stats(self._clock())

    def close(self) -> None:
        """Give the memory back."""
        self._data.clear()


def scatter(data: Buffer, into: Sequence[memoryview], seen: Seen = ignore) -> int:
    """Copy ``data`` over buffers if it fits them exactly; returns its size."""
    if sum(len(buffer) for buffer in into) == len(data):
        view = memoryview(data)
        start = 0
        for buffer in into:
            for at in range(0, len(buffer), PIECE_BYTES):
                piece = buffer[at : at + PIECE_BYTES]
                piece[:] = view[start : start + len(piece)]
                start += len(piece)
                seen(piece)
    return len(data)
