"""The prefix index as a dictionary of pages: slow, obvious, and the oracle in tests."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

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
from headstart.prefix.policies import LRU, Policy


class PageId(NamedTuple):
    """``key`` is the whole prefix up to and with this page. The first ``branch`` bytes of
    it belong to ``shared`` (0 and None: all of it is the owner's)."""

    owner: str
    shared: str | None
    branch: int
    key: bytes
    salt: str = ""


class Page:
    """One page and its history; the fields that a rank is computed from are a policy's."""

    def __init__(self, slot: int, now: float, tick: int) -> None:
        self.slot = slot
        self.created = self.last_access = now
        self.birth = self.tick = tick
        self.hits = 0
        self.locks = 0
        self.pins: set[str] = set()
        self.leases: dict[str, tuple[float, int]] = {}


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
        self._pages: dict[PageId, Page] = {}
        self._children: dict[PageId, list[PageId]] = {}
        self._tick = 0
        self._serial = 0

    def match(self, key: bytes, scope: Scope, now: float) -> Match:
        self._expire(now)
        path = self._find(key, scope)
        self._use(path, now, hit=1)
        return self._matched(path)

    def peek(self, key: bytes, scope: Scope) -> Match:
        return self._matched(self._find(key, scope))

    def insert(
        self, key: bytes, slots: array[int], scope: Scope, now: float, start: int = 0
    ) -> Inserted:
        self._check(key)
        pages, first = len(key) // self._size, start // self.page
        if start % self.page or not 0 <= first <= pages or len(slots) != pages - first:
            raise ValueError(f"{len(slots)} slots for pages {first} to {pages}")
        self._expire(now)
        path = self._find(key, scope)
        present = len(path)
        if first > present:
            raise ValueError(f"start {start} is beyond the {present} pages present")
        for number in range(present, pages):
            page = self._below(path, scope, key[: (number + 1) * self._size])
            self._add(page, Page(slots[number - first], now, self._tick + 1))
            path.append(page)
        self._use(path, now, hit=0)
        return Inserted(present * self.page, pages * self.page)

    def lock(self, key: bytes, scope: Scope) -> Lock:
        path = self._find(key, scope)
        for page in path:
            self._pages[page].locks += 1
        return PagesLock(path, len(path) * self.page)

    def unlock(self, lock: Lock, now: float) -> None:
        if not isinstance(lock, PagesLock) or lock.path is None:
            raise ValueError("this lock was released before")
        self._expire(now)
        path, lock.path = lock.path, None
        for page in path:
            self._pages[page].locks -= 1
        self._use(path, now, hit=0)

    def pin(self, key: bytes, scope: Scope) -> int:
        path = self._find(key, scope)
        if path:
            self._pages[path[-1]].pins.add(scope.tenant)
        return len(path) * self.page

    def unpin(self, key: bytes, scope: Scope, now: float) -> bool:
        self._check(key)
        self._expire(now)
        for path in self._candidates(key, scope):
            if path and path[-1].key == key and scope.tenant in self._pages[path[-1]].pins:
                self._pages[path[-1]].pins.remove(scope.tenant)
                return True
        return False

    def lease(self, key: bytes, scope: Scope, until: float, now: float) -> int:
        path = self._find(key, scope)
        self._expire(now)
        if path and until > now:
            leases = self._pages[path[-1]].leases
            if until > leases.get(scope.tenant, (0.0, 0))[0]:
                self._serial += 1
                leases[scope.tenant] = (until, self._serial)
        return len(path) * self.page

    def break_lease(self, scope: Scope, now: float) -> int:
        self._expire(now)
        before = self.size_info().leased
        while self.size_info().leased == before:
            held = [lease for lease in self._leases() if lease[2] == scope.tenant]
            if not held:
                break
            _, page, tenant = min(held)
            del self._pages[page].leases[tenant]
        return before - self.size_info().leased

    def evict(
        self, pages: int, now: float, scope: str | None = None, break_leases: bool = False
    ) -> Evicted:
        self._expire(now)
        slots, broken = array("i"), 0
        while len(slots) < pages:
            if leaves := [page for page in self._loose(scope) if not self._children[page]]:
                victim = min(leaves, key=self._order)
                slots.append(self._remove(victim))
            elif break_leases and (breakable := self._breakable(scope)):
                _, page, tenant = min(breakable)
                del self._pages[page].leases[tenant]
                broken += 1
            else:
                break
        return Evicted(slots, broken)

    def drop(self, scope: str) -> array[int]:
        doomed: set[PageId] = set()
        for page, entry in self._pages.items():
            if page.owner == scope and not entry.locks:
                doomed.update([page, *self._below_all(page)])
        for page, entry in self._pages.items():
            entry.pins.discard(scope)
            entry.leases.pop(scope, None)
            if page.owner == scope:
                entry.pins.clear()
                entry.leases.clear()
        return array("i", [self._remove(page) for page in doomed])

    def remove(self, key: bytes, scope: Scope) -> array[int]:
        path = self._find(key, scope)
        if not path or len(path) * self._size < len(key):
            return array("i")
        last = path.pop()
        fall = [last, *self._below_all(last)]
        for page in fall:
            self._pages[page].pins.clear()
            self._pages[page].leases.clear()
        doomed = [page for page in fall if not self._pages[page].locks]
        while doomed and path and path[-1].owner == last.owner:
            entry = self._pages[path[-1]]
            others = set(self._children[path[-1]]) - set(doomed)
            if others or entry.locks or entry.pins or entry.leases:
                break
            doomed.append(path.pop())
        return array("i", [self._remove(page) for page in doomed])

    def size_info(self, scope: str | None = None) -> SizeInfo:
        mine = [page for page in self._pages if scope in (None, page.owner)]
        leaves = sum(not self._children[page] for page in mine)
        return SizeInfo(
            pages=len(mine),
            locked=sum(self._pages[page].locks > 0 for page in mine),
            pinned=sum(self._has(page, lambda entry: bool(entry.pins)) for page in mine),
            leased=sum(self._has(page, lambda entry: bool(entry.leases)) for page in mine),
            evictable=len(self._loose(scope)),
            nodes=len(mine),
            leaves=leaves,
        )

    def entries(self, scope: str | None = None) -> Iterator[Entry]:
        for page, entry in self._pages.items():
            inner = any(child.owner == page.owner for child in self._children[page])
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
        for page, entry in self._pages.items():
            parent = self._parent(page)
            assert parent is None or parent in self._pages, f"{page} has lost its parent"
            assert parent is None or self._pages[parent].locks >= entry.locks, (
                f"{page} is locked and its parent is not"
            )

    # Looking up

    def _check(self, key: bytes) -> None:
        if len(key) % self._size:
            raise ValueError(f"{len(key)} bytes are not whole pages of {self._size}")

    def _walk(
        self, key: bytes, owner: str, shared: str | None, branch: int, salt: str = ""
    ) -> list[PageId]:
        path: list[PageId] = []
        for end in range(branch + self._size, len(key) + 1, self._size):
            page = PageId(owner, shared, branch, key[:end], salt)
            if page not in self._pages:
                break
            path.append(page)
        return path

    def _candidates(self, key: bytes, scope: Scope) -> Iterator[list[PageId]]:
        """Every way the key may be stored, most shared first."""
        if scope.shared is not None and scope.shared != scope.tenant:
            common = self._walk(key, scope.shared, None, 0)
            yield common
            for pages in range(len(common), 0, -1):
                branch = pages * self._size
                own = self._walk(key, scope.tenant, scope.shared, branch, scope.salt)
                yield common[:pages] + own
        yield self._walk(key, scope.tenant, None, 0, scope.salt)

    def _find(self, key: bytes, scope: Scope) -> list[PageId]:
        self._check(key)
        return max(self._candidates(key, scope), key=len)

    def _matched(self, path: list[PageId]) -> Match:
        return Match(len(path) * self.page, array("i", [self._pages[p].slot for p in path]))

    def _below(self, path: list[PageId], scope: Scope, key: bytes) -> PageId:
        """The next page of a path, which may leave the shared pages here."""
        last = path[-1] if path else None
        if last is None:
            return PageId(scope.tenant, None, 0, key, scope.salt)
        if last.owner == scope.tenant:
            return last._replace(key=key)
        return PageId(scope.tenant, last.owner, len(last.key), key, scope.salt)

    def _parent(self, page: PageId) -> PageId | None:
        above = page.key[: -self._size]
        if not above:
            return None
        if page.shared is not None and len(above) == page.branch:
            return PageId(page.shared, None, 0, above)
        return page._replace(key=above)

    def _add(self, page: PageId, entry: Page) -> None:
        self._pages[page] = entry
        self._children[page] = []
        if (parent := self._parent(page)) is not None:
            self._children[parent].append(page)

    def _remove(self, page: PageId) -> int:
        del self._children[page]
        siblings = self._children.get(parent) if (parent := self._parent(page)) else None
        if siblings is not None:
            siblings.remove(page)
        return self._pages.pop(page).slot

    def _below_all(self, page: PageId) -> list[PageId]:
        """Every page below one, of whatever scope."""
        found = self._children[page].copy()
        for child in found:
            found.extend(self._children[child])
        return found

    # Use and protection

    def _use(self, path: list[PageId], now: float, hit: int) -> None:
        if path:
            self._tick += 1
        for page in path:
            entry = self._pages[page]
            entry.tick, entry.last_access = self._tick, now
            entry.hits += hit

    def _order(self, page: PageId) -> tuple[tuple[int, ...], int]:
        return self._rank(self._pages[page]), -len(page.key)

    def _has(self, page: PageId, test: Callable[[Page], bool]) -> bool:
        """Whether a test holds for a page or anything below it."""
        return any(test(self._pages[p]) for p in (page, *self._below_all(page)))

    def _loose(self, scope: str | None) -> list[PageId]:
        """Pages that nothing protects; for one scope, nor another scope's pages below."""

        def held(entry: Page) -> bool:
            return bool(entry.locks or entry.pins or entry.leases)

        return [
            page
            for page in self._pages
            if scope in (None, page.owner)
            and not self._has(page, held)
            and (scope is None or all(p.owner == scope for p in self._below_all(page)))
        ]

    def _leases(self) -> list[tuple[tuple[float, int], PageId, str]]:
        return [
            (lease, page, tenant)
            for page, entry in self._pages.items()
            for tenant, lease in entry.leases.items()
        ]

    def _breakable(self, scope: str | None) -> list[tuple[tuple[float, int], PageId, str]]:
        """Leases whose end may make room: see the tree's method of this name."""
        return [
            lease
            for lease in self._leases()
            if scope in (None, lease[1].owner)
            and not self._has(lease[1], lambda entry: bool(entry.locks or entry.pins))
            and (scope is None or all(p.owner == scope for p in self._below_all(lease[1])))
        ]

    def _expire(self, now: float) -> None:
        for entry in self._pages.values():
            for tenant, (until, _) in list(entry.leases.items()):
                if until <= now:
                    del entry.leases[tenant]
