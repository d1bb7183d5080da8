"""The KV cache: which prefixes are held, where, for whom, and what goes when room is short.

It keeps the books and moves no tensor itself: an engine asks where a prefix's KV lies
(``lookup``), copies it to where its attention wants it, and fills the pages it is handed
when it stores new KV (``store``). Who makes way when room is short: see ``Room``.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headstart.kv.arena import Arena
from headstart.kv.layout import KVLayout
from headstart.kv.room import Room
from headstart.kv.tiers.contract import PinBudgetExceeded
from headstart.prefix import Entry, PrefixIndex, RadixTree, Scope, whole_pages

Rows = npt.NDArray[np.int64]
LEASE_SHARE = 0.5
"""Most of a tenant's share of the cache that its leases may hold."""

PIN_SHARE = 0.5
"""Most of the whole cache that pins may hold."""


class Hit(NamedTuple):
    """The longest prefix held. ``rows[i]`` is the arena row of token i: row r starts at
    byte ``r * layout.token_bytes``. Valid until anything is stored, taken or reserved."""

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
        strict: bool = False,
        index: PrefixIndex | None = None,
    ) -> None:
        """``capacity`` in bytes, ``page`` in tokens.

        What is left of it beyond ``headroom`` bytes for running requests is split into
        equal floors for ``tenants``. A tenant may borrow what others leave free, unless
        ``strict``; borrowers are evicted from first. ValueError if the budget does not
        hold one page.
        """
        self.layout = layout
        self.page = page
        self.arena = Arena(capacity, layout.token_bytes * page)
        self.index = index or RadixTree(page=page)
        self.floor_pages = (capacity - headroom) // self.arena.page_bytes // max(1, tenants)
        others = self.floor_pages * (max(1, tenants) - 1)
        self.runnable_bytes = capacity - others * self.arena.page_bytes
        """What one request can get whatever the other tenants hold."""
        self._room = Room(self.arena, self.index, self.floor_pages, strict)
        rows = np.frombuffer(self.arena.buffer, np.uint8)
        self._tokens = rows.reshape(self.arena.pages * page, layout.token_bytes)
        self._lock = threading.RLock()

    def lookup(self, key: bytes, scope: Scope, now: float) -> Hit:
        """Longest held prefix of a packed key (4 bytes a token); counts as a use."""
        with self._lock:
            match = self.index.match(whole_pages(key, self.page), scope, now)
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
            self._room.tenants.add(scope.tenant)
            whole = len(key) - len(key) % width
            present = self.index.peek(key[:whole], scope).length * 4
            if present == whole:
                return whole // 4
            # Making room must not evict the very prefix that is being extended.
            guard = self.index.lock(key[:present], scope)
            try:
                pages = self._room.make((whole - present) // width, scope.tenant, now)
                slots = array("i", self.arena.allocate(pages))
                end = present + pages * width
                if slots:
                    self._put(key[:end], slots, scope, now, present // 4, fill)
            finally:
                self.index.unlock(guard, now)
            return end // 4

    def read(
        self, key: bytes, scope: Scope, now: float, first: int, load: Callable[[Rows], None]
    ) -> int:
        """Have ``load`` copy what is held of tokens ``first ...`` from these rows, which
        nobody can evict meanwhile; returns the tokens held. Counts as a use."""
        with self._lock:
            hit = self.lookup(key, scope, now)
            if hit.tokens <= first:
                return hit.tokens
            guard = self.index.lock(key[: hit.tokens * 4], scope)
        try:
            load(hit.rows[first:])
        finally:
            with self._lock:
                self.index.unlock(guard, now)
        return hit.tokens

    def peek(self, key: bytes, scope: Scope) -> int:
        """Tokens of a packed key that are held; counts as no use."""
        with self._lock:
            return self.index.peek(whole_pages(key, self.page), scope).length

    def copy(self, key: bytes, scope: Scope, start: int, now: float) -> bytes | None:
        """The KV of tokens ``start ...`` of a packed key of whole pages, token by token;
        None unless all of it is held."""
        with self._lock:
            match = self.index.peek(key, scope)
            if match.length * 4 < len(key):
                return None
            guard = self.index.lock(key, scope)
        try:
            return self._tokens[self._rows(match.slots)[start:]].tobytes()
        finally:
            with self._lock:
                self.index.unlock(guard, now)

    def take(self, tokens: int, scope: Scope, now: float) -> array[int] | None:
        """Pages for ``tokens`` tokens to be filled and published, evicting for them; None
        if there is no room."""
        pages = tokens // self.page
        with self._lock:
            self._room.tenants.add(scope.tenant)
            if self._room.make(pages, scope.tenant, now) < pages:
                return None
            return array("i", self.arena.allocate(pages))

    def give_back(self, slots: array[int]) -> None:
        """Return pages that were taken and not published."""
        with self._lock:
            self.arena.free(slots)

    def buffers(self, slots: array[int], first: int, tokens: int) -> list[memoryview]:
        """Writable bytes of ``tokens`` tokens from token ``first`` of taken pages on."""
        size = self.layout.token_bytes
        rows = self._rows(slots)[first : first + tokens]
        cuts = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        view = memoryview(self.arena.buffer)
        starts = [int(rows[cut]) for cut in cuts[:-1]]
        lengths = [b - a for a, b in pairwise(cuts)]
        return [
            view[row * size : (row + length) * size]
            for row, length in zip(starts, lengths, strict=True)
        ]

    def publish(self, key: bytes, scope: Scope, slots: array[int], start: int, now: float) -> int:
        """Let others see taken pages, which hold the KV of tokens ``start ...`` of ``key``.

        Returns the tokens that were not held before: none if what lies before ``start`` is
        gone by now. The pages belong to the cache either way.
        """
        with self._lock:
            present = self.index.peek(key, scope).length
            if present < start:
                self.arena.free(slots)
                return 0
            self.index.insert(key, slots, scope, now, start=start)
            self.arena.free(slots[: (present - start) // self.page])
            return len(key) // 4 - present

    def warm(self, tokens: int) -> None:
        """Touch memory for this many tokens ahead of their time, as far as the budget goes."""
        with self._lock:
            self.arena.warm(tokens * self.layout.token_bytes)

    def missing(self, size: int) -> int:
        """Bytes that would have to be evicted before ``reserve(size)``."""
        with self._lock:
            return self.arena.missing(size)

    def reserve(self, size: int, scope: Scope, now: float) -> bool:
        """Set bytes aside for a running request, evicting for it; False, and nothing
        evicted, if even that would not make room."""
        with self._lock:
            short = -(-self.arena.missing(size) // self.arena.page_bytes)
            if short > self._room.reclaimable(scope.tenant):
                return False
            self._room.evict(short, scope.tenant, now)
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
                self._room.leases_broken += 1
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
                self._room.evicted * self.page,
                self._room.leases_broken,
            )

    def forget(self, tenant: str) -> None:
        """Drop what a tenant holds, pinned and leased KV too."""
        with self._lock:
            self.arena.free(self.index.drop(tenant))

    def entries(self, tenant: str | None = None) -> list[Entry]:
        """Every prefix held, of all tenants or of one; see ``PrefixIndex.entries``."""
        with self._lock:
            return list(self.index.entries(tenant))

    def pin(self, key: bytes, scope: Scope, longest: int = 0) -> int:
        """Keep a held prefix (whole pages of it) until ``unpin``; returns its tokens.

        Nothing pinned can make way for a running request, so pins may hold half of the
        cache at most, and never what a request of ``longest`` bytes could need:
        PinBudgetExceeded, and nothing changes.
        """
        whole = whole_pages(key, self.page)
        with self._lock:
            held = self.index.peek(whole, scope).length * 4
            before = self.index.size_info().pinned
            self.index.pin(whole[:held], scope)
            pages = self.index.size_info().pinned
            size = self.arena.page_bytes
            most = int(self.arena.capacity * PIN_SHARE) // size
            over = self._room.pins_over(most, max(0, self.runnable_bytes - longest) // size)
            if pages > before and over > 0:
                self.index.unpin(whole[:held], scope, 0.0)
                raise PinBudgetExceeded(pages * size, max(0, pages - over) * size)
            return held // 4

    def unpin(self, key: bytes, scope: Scope, now: float) -> bool:
        """Undo ``pin`` of exactly this prefix; False if it was not pinned."""
        with self._lock:
            return self.index.unpin(key, scope, now)

    def remove(self, key: bytes, scope: Scope) -> int:
        """Drop one prefix, what continues it, and what of it nothing else needs, pinned and
        leased KV too; returns the tokens dropped."""
        with self._lock:
            slots = self.index.remove(key, scope)
            self.arena.free(slots)
            return len(slots) * self.page

    def pinned_bytes(self) -> int:
        """Bytes that nothing can evict until they are unpinned."""
        with self._lock:
            return self.index.size_info().pinned * self.arena.page_bytes

    def _put(
        self,
        key: bytes,
        slots: array[int],
        scope: Scope,
        now: float,
        first: int,
        fill: Callable[[int, Rows], None],
    ) -> None:
        try:
            fill(first, self._rows(slots))
            self.index.insert(key, slots, scope, now, start=first)
        except BaseException:
            self.arena.free(slots)
            raise

    def _rows(self, slots: array[int]) -> Rows:
        rows = np.frombuffer(slots, dtype=np.int32).astype(np.int64)
        if self.page == 1:
            return rows
        return (rows[:, None] * self.page + np.arange(self.page)).ravel()
