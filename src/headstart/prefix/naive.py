"""The prefix index as a dictionary of pages: slow, obvious, and the oracle in tests."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator

from headstart.prefix.contract import (
    Entry,
    Evicted,
    Inserted,
    Lock,
    Match,
    PrefixIndex,
    Scope,
    SizeInfo,
)
from headstart.prefix.naive_pages import Page, PageId, Pages
from headstart.prefix.policies import LRU, Policy


class PagesLock(Lock):
    """A locked path, page by page; None once released."""

    __slots__ = ("path",)

    def __init__(self, path: list[PageId], length: int) -> None:
        self.path: list[PageId] | None = path
        self.length = length


class NaiveIndex(PrefixIndex):
    """Same contract and same eviction order as the tree, by scanning every page."""

    def __init__(self, page: int = 1, width: int = 4, policy: Callable[[], Policy] = LRU) -> None:
        self.page = page
        self.width = width
        self._size = page * width
        self._rank = policy().rank
        self._pages = Pages(self._size)
        self._tick = 0
        self._serial = 0

    def match(self, key: bytes, scope: Scope, now: float) -> Match:
        self._pages.expire(now)
        path = self._pages.find(key, scope)
        self._use(path, now, hit=1)
        return self._matched(path)

    def peek(self, key: bytes, scope: Scope) -> Match:
        return self._matched(self._pages.find(key, scope))

    def insert(
        self, key: bytes, slots: array[int], scope: Scope, now: float, start: int = 0
    ) -> Inserted:
        self._pages.check(key)
        pages, first = len(key) // self._size, start // self.page
        if start % self.page or not 0 <= first <= pages or len(slots) != pages - first:
            raise ValueError(f"{len(slots)} slots for pages {first} to {pages}")
        self._pages.expire(now)
        path = self._pages.find(key, scope)
        present = len(path)
        if first > present:
            raise ValueError(f"start {start} is beyond the {present} pages present")
        for number in range(present, pages):
            page = self._pages.next_of(path, scope, key[: (number + 1) * self._size])
            self._pages.add(page, Page(slots[number - first], now, self._tick + 1))
            path.append(page)
        self._use(path, now, hit=0)
        return Inserted(present * self.page, pages * self.page)

    def lock(self, key: bytes, scope: Scope) -> Lock:
        path = self._pages.find(key, scope)
        for page in path:
            self._pages.by_id[page].locks += 1
        return PagesLock(path, len(path) * self.page)

    def unlock(self, lock: Lock, now: float) -> None:
        if not isinstance(lock, PagesLock) or lock.path is None:
            raise ValueError("this lock was released before")
        self._pages.expire(now)
        path, lock.path = lock.path, None
        for page in path:
            self._pages.by_id[page].locks -= 1
        self._use(path, now, hit=0)

    def pin(self, key: bytes, scope: Scope) -> int:
        path = self._pages.find(key, scope)
        if path:
            self._pages.by_id[path[-1]].pins.add(scope.tenant)
        return len(path) * self.page

    def unpin(self, key: bytes, scope: Scope, now: float) -> bool:
        self._pages.check(key)
        self._pages.expire(now)
        for path in self._pages.candidates(key, scope):
            if path and path[-1].key == key and scope.tenant in self._pages.by_id[path[-1]].pins:
                self._pages.by_id[path[-1]].pins.remove(scope.tenant)
                return True
        return False

    def lease(self, key: bytes, scope: Scope, until: float, now: float) -> int:
        path = self._pages.find(key, scope)
        self._pages.expire(now)
        if path and until > now:
            leases = self._pages.by_id[path[-1]].leases
            if until > leases.get(scope.tenant, (0.0, 0))[0]:
                self._serial += 1
                leases[scope.tenant] = (until, self._serial)
        return len(path) * self.page

    def break_lease(self, scope: Scope, now: float) -> int:
        self._pages.expire(now)
        before = self.size_info().leased
        while self.size_info().leased == before:
            held = [lease for lease in self._pages.leases() if lease[2] == scope.tenant]
            if not held:
                break
            _, page, tenant = min(held)
            del self._pages.by_id[page].leases[tenant]
        return before - self.size_info().leased

    def evict(
        self, pages: int, now: float, scope: str | None = None, break_leases: bool = False
    ) -> Evicted:
        self._pages.expire(now)
        slots, broken = array("i"), 0
        while len(slots) < pages:
            if leaves := [
                page for page in self._pages.loose(scope) if not self._pages.children[page]
            ]:
                victim = min(leaves, key=self._order)
                slots.append(self._pages.remove(victim))
            elif break_leases and (breakable := self._pages.breakable(scope)):
                _, page, tenant = min(breakable)
                del self._pages.by_id[page].leases[tenant]
                broken += 1
            else:
                break
        return Evicted(slots, broken)

    def drop(self, scope: str) -> array[int]:
        doomed: set[PageId] = set()
        for page, entry in self._pages.by_id.items():
            if page.owner == scope and not entry.locks:
                doomed.update([page, *self._pages.under(page)])
        for page, entry in self._pages.by_id.items():
            entry.pins.discard(scope)
            entry.leases.pop(scope, None)
            if page.owner == scope:
                entry.pins.clear()
                entry.leases.clear()
        return array("i", [self._pages.remove(page) for page in doomed])

    def remove(self, key: bytes, scope: Scope) -> array[int]:
        path = self._pages.find(key, scope)
        if not path or len(path) * self._size < len(key):
            return array("i")
        last = path.pop()
        fall = [last, *self._pages.under(last)]
        for page in fall:
            self._pages.by_id[page].pins.clear()
            self._pages.by_id[page].leases.clear()
        doomed = [page for page in fall if not self._pages.by_id[page].locks]
        while doomed and path and path[-1].owner == last.owner:
            entry = self._pages.by_id[path[-1]]
            others = set(self._pages.children[path[-1]]) - set(doomed)
            if others or entry.locks or entry.pins or entry.leases:
                break
            doomed.append(path.pop())
        return array("i", [self._pages.remove(page) for page in doomed])

    def size_info(self, scope: str | None = None) -> SizeInfo:
        mine = [page for page in self._pages.by_id if scope in (None, page.owner)]
        leaves = sum(not self._pages.children[page] for page in mine)
        return SizeInfo(
            pages=len(mine),
            locked=sum(self._pages.by_id[page].locks > 0 for page in mine),
            pinned=sum(self._pages.has(page, lambda entry: bool(entry.pins)) for page in mine),
            leased=sum(self._pages.has(page, lambda entry: bool(entry.leases)) for page in mine),
            evictable=len(self._pages.loose(scope)),
            nodes=len(mine),
            leaves=leaves,
        )

    def entries(self, scope: str | None = None) -> Iterator[Entry]:
        for page, entry in self._pages.by_id.items():
            inner = any(child.owner == page.owner for child in self._pages.children[page])
            if scope not in (None, page.owner) or (inner and not entry.pins and not entry.leases):
                continue
            yield Entry(
                scope=page.owner,
                salt=page.salt,
                key=page.key,
                pages=len(page.key) // self._size,
                hits=entry.hits,
                created=entry.created,
                last_access=entry.last_access,
                leased_until=max((until for until, _ in entry.leases.values()), default=0.0),
                pinned=bool(entry.pins),
            )

    def check_integrity(self) -> None:
        for page, entry in self._pages.by_id.items():
            parent = self._pages.parent(page)
            assert parent is None or parent in self._pages.by_id, f"{page} has lost its parent"
            assert parent is None or self._pages.by_id[parent].locks >= entry.locks, (
                f"{page} is locked and its parent is not"
            )

    def _matched(self, path: list[PageId]) -> Match:
        return Match(len(path) * self.page, array("i", [self._pages.by_id[p].slot for p in path]))

    def _use(self, path: list[PageId], now: float, hit: int) -> None:
        if path:
            self._tick += 1
        for page in path:
            entry = self._pages.by_id[page]
            entry.tick, entry.last_access = self._tick, now
            entry.hits += hit

    def _order(self, page: PageId) -> tuple[tuple[int, ...], int]:
        return self._rank(self._pages.by_id[page]), -len(page.key)
