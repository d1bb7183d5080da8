"""The prefix index as a radix tree."""

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
from headstart.prefix.forest import Forest
from headstart.prefix.integrity import check_trees
from headstart.prefix.marks import Marks
from headstart.prefix.node import LEASE, LOCK, PIN, Node
from headstart.prefix.policies import LRU, Policy
from headstart.prefix.walk import reach


class PathLock(Lock):
    """A locked path, by its last node; None once released."""

    __slots__ = ("node",)

    def __init__(self, node: Node, length: int) -> None:
        self.node: Node | None = node
        self.length = length


class RadixTree(PrefixIndex):
    """Edges are packed bytes, compared by ``memcmp``; a child is found by its first page.

    Operations cost O(nodes on the path + bytes of the key), ``size_info`` O(1), an eviction
    under LRU O(log n) at most, whatever was used in between. Memory is the packed keys, 4
    bytes a page for slots, and about 600 bytes a node.
    """

    def __init__(self, page: int = 1, width: int = 4, policy: Callable[[], Policy] = LRU) -> None:
        """``page`` in symbols, ``width`` in bytes a symbol; ``policy`` makes one eviction
        order per scope. ValueError if a size is below 1."""
        if page < 1 or width < 1:
            raise ValueError(f"page and width must be at least 1, not {page} and {width}")
        self.page = page
        self.width = width
        self._size = page * width
        self._forest = Forest(self._size, policy)
        self._marks = Marks(self._forest)

    def match(self, key: bytes, scope: Scope, now: float) -> Match:
        self._check_key(key)
        self._marks.expire(now)
        self._forest.ask(key, scope, now)
        place = self._forest.seek(key, scope)
        path = self._forest.end_of(place).path()
        self._forest.use(path, now, hit=1)
        return Match(reach(place) // self.width, _slots(path))

    def peek(self, key: bytes, scope: Scope) -> Match:
        self._check_key(key)
        node, start, part = self._forest.seek(key, scope)
        slots = _slots(node.path())
        if part:
            del slots[len(slots) - (len(node.key) - part) // self._size :]
        return Match((start + part) // self.width, slots)

    def insert(
        self, key: bytes, slots: array[int], scope: Scope, now: float, start: int = 0
    ) -> Inserted:
        self._check_key(key)
        self._check_slots(key, slots, start)
        self._marks.expire(now)
        place = self._forest.seek(key, scope)
        present = reach(place)
        if start * self.width > present:
            raise ValueError(
                f"start {start} lies beyond the {present // self.width} symbols present"
            )
        node = self._forest.end_of(place)
        if present < len(key):
            fresh = slots[present // self._size - start // self.page :]
            node = self._forest.attach(node, key[present:], fresh, scope, now)
        self._forest.use(node.path(), now, hit=0)
        return Inserted(present // self.width, len(key) // self.width)

    def lock(self, key: bytes, scope: Scope) -> Lock:
        self._check_key(key)
        place = self._forest.seek(key, scope)
        node = self._forest.end_of(place)
        self._forest.hold(node, LOCK)
        return PathLock(node, reach(place) // self.width)

    def unlock(self, lock: Lock, now: float) -> None:
        if not isinstance(lock, PathLock) or lock.node is None:
            raise ValueError("this lock was released before, or is not of this index")
        self._marks.expire(now)
        node, lock.node = lock.node, None
        self._forest.use(node.path(), now, hit=0)
        self._forest.unhold(node, LOCK, in_use=True)

    def pin(self, key: bytes, scope: Scope) -> int:
        self._check_key(key)
        place = self._forest.seek(key, scope)
        if reach(place):
            self._marks.pin(self._forest.end_of(place), scope.tenant)
        return reach(place) // self.width

    def unpin(self, key: bytes, scope: Scope, now: float) -> bool:
        self._check_key(key)
        self._marks.expire(now)
        return any(
            not part and start == len(key) and self._marks.unpin(node, scope.tenant)
            for node, start, part in self._forest.candidates(key, scope)
        )

    def lease(self, key: bytes, scope: Scope, until: float, now: float) -> int:
        self._check_key(key)
        self._marks.expire(now)
        place = self._forest.seek(key, scope)
        if reach(place) and until > now:
            self._marks.lease(self._forest.end_of(place), scope.tenant, until)
        return reach(place) // self.width

    def break_lease(self, scope: Scope, now: float) -> int:
        self._marks.expire(now)
        return self._marks.break_first(scope.tenant)

    def evict(
        self, pages: int, now: float, scope: str | None = None, break_leases: bool = False
    ) -> Evicted:
        self._marks.expire(now)
        front = self._forest.front_of(scope)
        breakable = self._marks.breakable(scope) if break_leases else iter(())
        given = array("i")
        broken = 0
        while len(given) < pages:
            if (node := front()) is not None:
                self._forest.trim(node, pages - len(given), given)
            elif (lease := next(breakable, None)) is not None:
                self._marks.end(lease)
                broken += 1
            else:
                break
        return Evicted(given, broken)

    def drop(self, scope: str) -> array[int]:
        given = array("i")
        self._marks.forget(scope)
        for node, goes in self._forest.fall(scope):
            if goes or node.tree.name == scope:
                self._marks.clear(node)
            if goes:
                self._forest.trim(node, len(node.slots), given)
        return given

    def remove(self, key: bytes, scope: Scope) -> array[int]:
        self._check_key(key)
        given = array("i")
        place = self._forest.seek(key, scope)
        if not key or reach(place) < len(key):
            return given
        node = self._forest.end_of(place)
        above = node.parent
        for lower in self._forest.below(node):
            self._marks.clear(lower)
            if not lower.holds[LOCK]:
                self._forest.trim(lower, len(lower.slots), given)
        # A node that was detached here has no child left that could keep the next one.
        while above is not None and above.parent is not None and above.tree is node.tree:
            if not above.is_leaf or any(above.holds):
                break
            upper = above.parent
            self._forest.trim(above, len(above.slots), given)
            above = upper
        return given

    def size_info(self, scope: str | None = None) -> SizeInfo:
        if scope is None:
            counts = self._forest.total
            evictable = counts.free
        else:
            counts = self._forest.trees.get(scope, self._forest.void).counts
            evictable = counts.evictable
        held = counts.held
        return SizeInfo(
            counts.pages,
            held[LOCK],
            held[PIN],
            held[LEASE],
            evictable,
            counts.nodes,
            counts.leaves,
        )

    def entries(self, scope: str | None = None) -> Iterator[Entry]:
        for node in self._forest.nodes(scope):
            if node.children and not node.pins and not node.leases:
                continue
            key = b"".join(step.key for step in reversed(node.path()))
            yield Entry(
                scope=node.tree.name,
                salt=node.salt,
                key=key,
                pages=len(key) // self._size,
                hits=node.hits,
                created=node.created,
                last_access=node.last_access,
                leased_until=node.leased_until,
                pinned=bool(node.pins),
            )

    def check_integrity(self) -> None:
        check_trees(self._forest.trees, self._forest.total, self._size)

    def _check_key(self, key: bytes) -> None:
        if len(key) % self._size:
            raise ValueError(
                f"key of {len(key)} bytes is not a multiple of a page of {self._size} bytes "
                f"({self.page} symbols of {self.width})"
            )

    def _check_slots(self, key: bytes, slots: array[int], start: int) -> None:
        if slots.typecode != "i":
            raise ValueError(f"slots must be an array of 'i', not of {slots.typecode!r}")
        if start < 0 or start % self.page:
            raise ValueError(f"start {start} is not a multiple of the page of {self.page}")
        if start * self.width > len(key):
            raise ValueError(f"start {start} lies beyond the key's end")
        pages = len(key) // self._size - start // self.page
        if len(slots) != pages:
            raise ValueError(f"{len(slots)} slots for {pages} pages from start {start} on")


def _slots(path: list[Node]) -> array[int]:
    """The slots of a path that is given tail first."""
    slots = array("i")
    for node in reversed(path):
        slots.extend(node.slots)
    return slots
