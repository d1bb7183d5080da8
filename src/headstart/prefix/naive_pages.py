"""What the naive index holds: a dictionary of pages, every question answered by scanning it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from headstart.prefix.contract import Scope


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


class Pages:
    """Pages by id, and the ids that each is followed by."""

    def __init__(self, size: int) -> None:
        """``size`` of a page in bytes of key."""
        self.size = size
        self.by_id: dict[PageId, Page] = {}
        self.children: dict[PageId, list[PageId]] = {}

    def check(self, key: bytes) -> None:
        """ValueError unless the key is whole pages."""
        if len(key) % self.size:
            raise ValueError(f"{len(key)} bytes are not whole pages of {self.size}")

    def _walk(
        self, key: bytes, owner: str, shared: str | None, branch: int, salt: str = ""
    ) -> list[PageId]:
        path: list[PageId] = []
        for end in range(branch + self.size, len(key) + 1, self.size):
            page = PageId(owner, shared, branch, key[:end], salt)
            if page not in self.by_id:
                break
            path.append(page)
        return path

    def candidates(self, key: bytes, scope: Scope) -> Iterator[list[PageId]]:
        """Every way the key may be stored, most shared first."""
        if scope.shared is not None and scope.shared != scope.tenant:
            common = self._walk(key, scope.shared, None, 0)
            yield common
            for pages in range(len(common), 0, -1):
                branch = pages * self.size
                own = self._walk(key, scope.tenant, scope.shared, branch, scope.salt)
                yield common[:pages] + own
        yield self._walk(key, scope.tenant, None, 0, scope.salt)

    def find(self, key: bytes, scope: Scope) -> list[PageId]:
        """The longest path that is held."""
        self.check(key)
        return max(self.candidates(key, scope), key=len)

    def next_of(self, path: list[PageId], scope: Scope, key: bytes) -> PageId:
        """The next page of a path, which may leave the shared pages here."""
        last = path[-1] if path else None
        if last is None:
            return PageId(scope.tenant, None, 0, key, scope.salt)
        if last.owner == scope.tenant:
            return last._replace(key=key)
        return PageId(scope.tenant, last.owner, len(last.key), key, scope.salt)

    def parent(self, page: PageId) -> PageId | None:
        """The page before it, which may be a shared one."""
        above = page.key[: -self.size]
        if not above:
            return None
        if page.shared is not None and len(above) == page.branch:
            return PageId(page.shared, None, 0, above)
        return page._replace(key=above)

    def add(self, page: PageId, entry: Page) -> None:
        """Hold a page whose parent is held."""
        self.by_id[page] = entry
        self.children[page] = []
        if (parent := self.parent(page)) is not None:
            self.children[parent].append(page)

    def remove(self, page: PageId) -> int:
        """Give a page up; returns its slot."""
        del self.children[page]
        siblings = self.children.get(parent) if (parent := self.parent(page)) else None
        if siblings is not None:
            siblings.remove(page)
        return self.by_id.pop(page).slot

    def under(self, page: PageId) -> list[PageId]:
        """Every page below one, of whatever scope."""
        found = self.children[page].copy()
        for child in found:
            found.extend(self.children[child])
        return found

    def has(self, page: PageId, test: Callable[[Page], bool]) -> bool:
        """Whether a test holds for a page or anything below it."""
        return any(test(self.by_id[p]) for p in (page, *self.under(page)))

    def loose(self, scope: str | None) -> list[PageId]:
        """Pages that nothing protects; for one scope, nor another scope's pages below."""

        def held(entry: Page) -> bool:
            return bool(entry.locks or entry.pins or entry.leases)

        return [
            page
            for page in self.by_id
            if scope in (None, page.owner)
            and not self.has(page, held)
            and (scope is None or all(p.owner == scope for p in self.under(page)))
        ]

    def leases(self) -> list[tuple[tuple[float, int], PageId, str]]:
        """Each as (end, serial), page, tenant."""
        return [
            (lease, page, tenant)
            for page, entry in self.by_id.items()
            for tenant, lease in entry.leases.items()
        ]

    def breakable(self, scope: str | None) -> list[tuple[tuple[float, int], PageId, str]]:
        """Leases whose end may make room: see the tree's method of this name."""
        return [
            lease
            for lease in self.leases()
            if scope in (None, lease[1].owner)
            and not self.has(lease[1], lambda entry: bool(entry.locks or entry.pins))
            and (scope is None or all(p.owner == scope for p in self.under(lease[1])))
        ]

    def expire(self, now: float) -> None:
        """End the leases that are over."""
        for entry in self.by_id.values():
            for tenant, (until, _) in list(entry.leases.items()):
                if until <= now:
                    del entry.leases[tenant]
