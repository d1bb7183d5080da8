"""Leases by the time they end: for all, of one tenant, and on one scope's nodes."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from headstart.prefix.node import Node

_SLACK = 32


class Lease:
    """One tenant keeps one prefix until a time. A lease that ended has ``over`` set."""

    __slots__ = ("node", "over", "tenant", "until")

    def __init__(self, node: Node, tenant: str, until: float) -> None:
        self.node = node
        self.tenant = tenant
        self.until = until
        self.over = False


class LeaseHeap:
    """Leases, the one that ends first in front. One lease may stand in several heaps.

    ``discard`` only counts: an ended lease leaves when it comes to the front, or when too
    many have gathered.
    """

    __slots__ = ("_entries", "_over")

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Lease]] = []
        self._over = 0

    def push(self, lease: Lease, serial: int) -> None:
        """Add a lease; among equal times the lower serial comes first."""
        heapq.heappush(self._entries, (lease.until, serial, lease))

    def discard(self) -> None:
        """One lease in here is over."""
        self._over += 1
        if self._over > len(self._entries) // 2 + _SLACK:
            self._entries = [entry for entry in self._entries if not entry[2].over]
            heapq.heapify(self._entries)
            self._over = 0

    def first(self) -> Lease | None:
        """The lease that ends first."""
        entries = self._entries
        while entries and entries[0][2].over:
            heapq.heappop(entries)
            self._over -= 1
        return entries[0][2] if entries else None

    def ascending(self) -> Iterator[Lease]:
        """Those that are not over, soonest first. Sorts: O(n log n) for the first one."""
        for _, _, lease in sorted(self._entries, key=lambda entry: entry[:2]):
            if not lease.over:
                yield lease

    def __len__(self) -> int:
        return len(self._entries) - self._over
