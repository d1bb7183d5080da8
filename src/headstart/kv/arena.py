"""Host memory for pages of KV, under one byte budget with what running requests hold.

The arena reserves address space for its whole capacity and touches it as pages are handed
out, but for what ``warm`` touches ahead. A page given back stays resident (*warm*) and is
handed out again first; when running requests need the budget, warm pages are returned to the
operating system (*cold*), so that resident memory never exceeds the budget, not only the books.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator

import numpy as np

_OS_PAGE = mmap.PAGESIZE


class Arena:
    """``capacity // page_bytes`` pages of ``page_bytes`` bytes; not thread-safe."""

    def __init__(self, capacity: int, page_bytes: int) -> None:
        """ValueError if the budget does not hold one page."""
        self.capacity = capacity
        self.page_bytes = page_bytes
        self.pages = capacity // page_bytes
        if self.pages < 1:
            raise ValueError(f"{capacity} bytes do not hold one page of {page_bytes} bytes")
        # Private: MADV_DONTNEED gives memory of a shared mapping back only on unmapping.
        self.buffer = mmap.mmap(
            -1, self.pages * page_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        )
        self._warm: list[int] = []
        self._cold: dict[int, None] = {}
        self._untouched = 0
        self.used = 0
        self.reserved_bytes = 0

    @property
    def used_bytes(self) -> int:
        """Bytes of the pages handed out."""
        return self.used * self.page_bytes

    @property
    def resident_bytes(self) -> int:
        """Bytes that pages (in use or warm) and reservations may occupy in memory."""
        return (self.used + len(self._warm)) * self.page_bytes + self.reserved_bytes

    def available(self) -> int:
        """Pages that ``allocate`` can hand out now."""
        free = self.capacity - self.reserved_bytes - self.used_bytes
        return min(free // self.page_bytes, self.pages - self.used)

    def allocate(self, pages: int) -> list[int]:
        """Hand out pages, in ascending order; MemoryError beyond ``available``."""
        if pages > self.available():
            raise MemoryError(f"{pages} pages asked for, {self.available()} available")
        taken = _pop(self._warm, pages)
        while self._cold and len(taken) < pages:
            taken.append(self._cold.popitem()[0])
        rest = pages - len(taken)
        taken += range(self._untouched, self._untouched + rest)
        self._untouched += rest
        self.used += pages
        # Eviction gives tails back last page first; neighbours are copied in one go.
        return sorted(taken)

    def warm(self, size: int) -> None:
        """Touch up to ``size`` bytes of pages never handed out, so that whoever gets them does
        not wait for the operating system: it may take longer than filling them."""
        room = min(size, self.capacity - self.resident_bytes) // self.page_bytes
        first, last = self._untouched, min(self.pages, self._untouched + max(0, room))
        memory = np.frombuffer(self.buffer, np.uint8)
        memory[first * self.page_bytes : last * self.page_bytes : _OS_PAGE] = 0
        # Taken from the end: the lowest first, so that what is loaded lies in one piece.
        self._warm[:0] = reversed(range(first, last))
        self._untouched = last

    def free(self, pages: Iterable[int]) -> None:
        """Take pages back."""
        before = len(self._warm)
        self._warm.extend(pages)
        self.used -= len(self._warm) - before

    def missing(self, size: int) -> int:
        """Bytes that pages in use and reservations must give up before ``reserve(size)``."""
        return max(0, self.used_bytes + self.reserved_bytes + size - self.capacity)

    def reserve(self, size: int) -> bool:
        """Set bytes aside for running requests; False, and no change, if they don't fit."""
        if self.missing(size):
            return False
        self.reserved_bytes += size
        over = self.resident_bytes - self.capacity
        if over > 0:
            self._cool(-(-over // self.page_bytes))
        return True

    def release(self, size: int) -> None:
        """Give up a reservation."""
        self.reserved_bytes -= size

    def _cool(self, pages: int) -> None:
        victims = _pop(self._warm, pages)
        self._cold.update(dict.fromkeys(victims))
        for start, stop in _runs(victims):
            low, high = self._with_cold_edges(start, stop)
            if high > low:
                self.buffer.madvise(mmap.MADV_DONTNEED, low, high - low)

    def _with_cold_edges(self, start: int, stop: int) -> tuple[int, int]:
        """The bytes to give back for these pages. Only whole pages of the operating system
        can be: one that reaches beyond ours goes with them if all of it is cold."""
        size = self.page_bytes
        low, high = start * size // _OS_PAGE * _OS_PAGE, -(-stop * size // _OS_PAGE) * _OS_PAGE
        while start * size > low and start - 1 in self._cold:
            start -= 1
        while stop * size < high and stop in self._cold:
            stop += 1
        return (
            low if start * size <= low else low + _OS_PAGE,
            high if stop * size >= high else high - _OS_PAGE,
        )


def _pop(stack: list[int], count: int) -> list[int]:
    taken = stack[len(stack) - min(count, len(stack)) :]
    del stack[len(stack) - len(taken) :]
    return taken


def _runs(pages: list[int]) -> Iterator[tuple[int, int]]:
    """Consecutive page numbers as half-open intervals."""
    ordered = sorted(pages)
    start = 0
    for i in range(1, len(ordered) + 1):
        if i == len(ordered) or ordered[i] != ordered[i - 1] + 1:
            yield ordered[start], ordered[i - 1] + 1
            start = i
