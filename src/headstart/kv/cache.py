"""The KV cache: which prefixes are held, where, for whom, and what goes when room is short.

It keeps the books and moves no tensor itself: an engine asks where a prefix's KV lies
(``lookup``), copies it to where its attention wants it, and fills the pages it is handed
when it stores new KV (``store``). Precedence when room is short: what running requests
hold, pins, leases, then whatever the eviction policy likes least.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headstart.kv.arena import Arena
from headstart.kv.layout import KVLayout
from headstart.prefix import PrefixIndex, RadixTree, Scope

Rows = npt.NDArray[np.int64]
LEASE_SHARE = 0.5
"""Most of a tenant's share of the cache that its leases may hold."""


class Hit(NamedTuple):
    """The longest prefix held. ``rows[i]`` is the arena row of token i: row r starts at
    byte ``r * layout.token_bytes``. Valid until the next ``store`` or ``reserve``."""

    tokens: int
    rows: Rows


class KVStats(NamedTuple):
    """Gauges in bytes and tokens; counters since start."""

    capacity_bytes: int
    cached_bytes: int
    running_bytes: int
    cached_tokens: int
    evicted_tokens: int
    leases_broken: int


class KVCache:
    """Pages of KV in host memory under a byte budget. Methods may be called from any
    thread; ``fill`` callbacks run under the lock."""

    def __init__(
        self,
        layout: KVLayout,
        capacity: int,
        page: int = 1,
        tenants: int = 1,
        headroom: int = 0,
        index: PrefixIndex | None = None,
    ) -> None:
        """``capacity`` in bytes, ``page`` in tokens.

        What is left of it beyond ``headroom`` bytes for running requests is split into
        equal floors for ``tenants``. A tenant may borrow what others leave free; borrowers
        are evicted from first. ValueError if the budget does not hold one page.
        """
        self.layout = layout
        self.page = page
        self.arena = Arena(capacity, layout.token_bytes * page)
        self.index = index or RadixTree(page=page)
        self.floor_pages = (capacity - headroom) // self.arena.page_bytes // max(1, tenants)
        self._tenants: set[str] = set()
        self._evicted = 0
        self._leases_broken = 0
        self._lock = threading.RLock()

    def lookup(self, key: bytes, scope: Scope, now: float) -> Hit:
        """Longest held prefix of a packed key (4 bytes a token); counts as a use."""
        whole = len(key) - len(key) % (4 * self.page)
        with self._lock:
            match = self.index.match(key[:whole], scope, now)
        return Hit(match.length, self._rows(match.slots))

    def store(
        self,
        key: bytes,
        scope: Scope,
        now: float,
        fill: Callable[[int, Rows], None],
    ) -> int:
        """Hold the KV of ``key``, as much of it as whole pages and room allow.

        ``fill(first, rows)`` writes the KV of tokens ``first ...`` to these rows, before any
        other request can see them. Returns the tokens now held.
        """
        width = 4 * self.page
        with self._lock:
            self._tenants.add(scope.tenant)
            whole = len(key) - len(key) % width
            present = self.index.peek(key[:whole], scope).length * 4
            if present == whole:
                return whole // 4
            # Making room must not evict the very prefix that is being extended.
            guard = self.index.lock(key[:present], scope)
            try:
                pages = self._make_room((whole - present) // width, scope.tenant, now)
                slots = array("i", self.arena.allocate(pages))
                end = present + pages * width
                if slots:
                    fill(present // 4, self._rows(slots))
                    self.index.insert(key[:end], slots, scope, now, start=present // 4)
            finally:
                self.index.unlock(guard, now)
            return end // 4

    def reserve(self, size: int, scope: Scope, now: float) -> bool:
        """Set bytes aside for a running request, evicting for it; False if they can't be."""
        with self._lock:
            if self.arena.reserve(size):
                return True
            short = self.arena.reserved_bytes + self.arena.used_bytes + size - self.arena.capacity
            self._evict(-(-short // self.arena.page_bytes), scope.tenant, now)
            return self.arena.reserve(size)

    def release(self, size: int) -> None:
        """Give up a reservation."""
        with self._lock:
            self.arena.release(size)

    def lease(self, key: bytes, scope: Scope, ttl: float, now: float) -> int:
        """Keep a held prefix for ``ttl`` seconds; returns the tokens it covers.

        A tenant's leases may hold half of its share: beyond that those that expire first
        become ordinary entries, and are counted.
        """
        whole = len(key) - len(key) % (4 * self.page)
        with self._lock:
            covered = self.index.lease(key[:whole], scope, now + ttl, now)
            limit = int(self.floor_pages * LEASE_SHARE)
            while self.index.size_info(scope.tenant).leased > limit:
                if not self.index.break_lease(Scope(scope.tenant), now):
                    break
                self._leases_broken += 1
            return covered

    def stats(self) -> KVStats:
        """Gauges and counters."""
        with self._lock:
            arena = self.arena
            return KVStats(
                arena.capacity,
                arena.used_bytes,
                arena.reserved_bytes,
                arena.used * self.page,
                self._evicted * self.page,
                self._leases_broken,
            )

    def _make_room(self, pages: int, tenant: str, now: float) -> int:
        """Evict until ``pages`` can be handed out; returns how many of them can."""
        short = pages - self.arena.available()
        if short > 0:
            self._evict(short, tenant, now)
        return min(pages, self.arena.available())

    def _evict(self, pages: int, tenant: str, now: float) -> None:
        """Reclaim borrowed space first, then the tenant's own, then its own leases."""
        left = pages
        for victim in self._borrowers():
            over = self.index.size_info(victim).pages - self.floor_pages
            left -= self._evict_from(victim, min(left, over), now)
            if not left:
                return
        left -= self._evict_from(tenant, left, now)
        if left:
            self._evict_from(tenant, left, now, break_leases=True)

    def _borrowers(self) -> list[str]:
        """Tenants above their floor, the furthest above first."""
        sizes = {t: self.index.size_info(t).pages for t in self._tenants}
        over = [t for t, pages in sizes.items() if pages > self.floor_pages]
        return sorted(over, key=lambda t: -sizes[t])

    def _evict_from(self, tenant: str, pages: int, now: float, break_leases: bool = False) -> int:
        if pages <= 0:
            return 0
        evicted = self.index.evict(pages, now, tenant, break_leases)
        self.arena.free(evicted.slots)
        self._evicted += len(evicted.slots)
        self._leases_broken += evicted.leases_broken
        return len(evicted.slots)

    def _rows(self, slots: array[int]) -> Rows:
        rows = np.frombuffer(slots, dtype=np.int32).astype(np.int64)
        if self.page == 1:
            return rows
        return (rows[:, None] * self.page + np.arange(self.page)).ravel()
