"""Room in the cache: whose pages go when it is short.

Precedence: what running requests hold, pins, leases, then whatever the eviction policy likes
least. Tenants above their floor give first, the furthest above before the others, then the
tenant that asks.
"""

from __future__ import annotations

from headstart.kv.arena import Arena
from headstart.prefix import PrefixIndex


class Room:
    """Evicts from an index, and gives the pages back to the arena. Its caller locks."""

    def __init__(self, arena: Arena, index: PrefixIndex, floor_pages: int, strict: bool) -> None:
        """``floor_pages``: what each tenant is sure of; ``strict``: and all that it gets."""
        self._arena = arena
        self._index = index
        self._floor = floor_pages
        self._strict = strict
        self.tenants: set[str] = set()
        """Everybody who ever stored anything."""
        self.evicted = 0
        """Pages, since start."""
        self.leases_broken = 0

    def make(self, pages: int, tenant: str, now: float) -> int:
        """Evict until ``pages`` can be handed out; returns how many of them can."""
        if self._strict:
            own = self._index.size_info(tenant).pages
            self._evict_from(tenant, own + pages - self._floor, now, break_leases=True)
            pages = min(pages, self._floor - self._index.size_info(tenant).pages)
        short = pages - self._arena.available()
        if short > 0:
            self.evict(short, tenant, now)
        return min(pages, self._arena.available())

    def reclaimable(self, tenant: str) -> int:
        """Most pages that ``evict`` can give this tenant."""
        own = self._index.size_info(tenant)
        borrowed = 0
        for other in self.tenants - {tenant}:
            size = self._index.size_info(other)
            borrowed += max(0, min(size.pages - self._floor, size.evictable))
        return own.pages - max(own.pinned, own.locked) + borrowed

    def evict(self, pages: int, tenant: str, now: float) -> None:
        """Reclaim borrowed space first, then the tenant's own, then its own leases."""
        left = pages
        if not left:
            return
        for victim in self._borrowers():
            over = self._index.size_info(victim).pages - self._floor
            left -= self._evict_from(victim, min(left, over), now)
            if not left:
                return
        left -= self._evict_from(tenant, left, now)
        if left:
            self._evict_from(tenant, left, now, break_leases=True)

    def pins_over(self, most: int, spare: int) -> int:
        """Pages pinned beyond ``most`` of all tenants together, or beyond the ``spare`` ones
        of those that one of them can get: what is pinned within a tenant's own floor takes
        room from nobody else, what is beyond it from everybody."""
        pins = [self._index.size_info(tenant).pinned for tenant in self.tenants]
        lent = sum(max(0, pages - self._floor) for pages in pins)
        own = max((min(pages, self._floor) for pages in pins), default=0)
        return max(sum(pins) - most, lent + own - spare)

    def _borrowers(self) -> list[str]:
        """Tenants above their floor, the furthest above first."""
        sizes = {t: self._index.size_info(t).pages for t in self.tenants}
        over = [t for t, pages in sizes.items() if pages > self._floor]
        return sorted(over, key=lambda t: -sizes[t])

    def _evict_from(self, tenant: str, pages: int, now: float, break_leases: bool = False) -> int:
        if pages <= 0:
            return 0
        evicted = self._index.evict(pages, now, tenant, break_leases)
        self._arena.free(evicted.slots)
        self.evicted += len(evicted.slots)
        self.leases_broken += evicted.leases_broken
        return len(evicted.slots)
