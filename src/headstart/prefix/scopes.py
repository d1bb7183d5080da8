"""What one scope owns in the tree, and the race between scopes for the next eviction."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator

from headstart.prefix.leases import LeaseHeap
from headstart.prefix.node import BRANCH, Node
from headstart.prefix.policies import Policy


class Counts:
    """Pages and nodes, kept up to date so that nobody has to walk.

    ``held[kind]`` counts pages with a hold of that kind at or below them, ``free`` those
    without a lock, pin or lease, ``evictable`` those without a foreign branch either.
    """

    __slots__ = ("evictable", "free", "held", "leaves", "nodes", "pages")

    def __init__(self) -> None:
        self.pages = 0
        self.free = 0
        self.evictable = 0
        self.held = [0, 0, 0, 0]
        self.nodes = 0
        self.leaves = 0

    def grow(self, pages: int) -> None:
        """So many pages more (or fewer) in nodes that nothing holds."""
        self.pages += pages
        self.free += pages
        self.evictable += pages


class ScopeTree:
    """One tenant's nodes: a tree for each salt and the ``branches`` below shared nodes."""

    __slots__ = (
        "branches",
        "counts",
        "leases",
        "leases_given",
        "name",
        "offered",
        "pins_given",
        "policy",
        "roots",
    )

    def __init__(self, name: str, policy: Policy) -> None:
        self.name = name
        self.policy = policy
        self.roots = {"": Node(self, None, b"", array("i"))}
        """By salt; a salt's root goes with its last node."""
        self.branches: dict[Node, None] = {}
        self.counts = Counts()
        self.leases = LeaseHeap()
        """On nodes of this scope, whoever holds them."""
        self.leases_given = LeaseHeap()
        """Held by this tenant, whosever nodes they are on."""
        self.pins_given: dict[Node, None] = {}
        self.offered: tuple[int, ...] | None = None
        """The rank under which this scope stands in the race."""

    @property
    def is_idle(self) -> bool:
        """Nothing is stored and nothing held by this tenant."""
        return not (
            len(self.roots) > 1
            or self.root.children
            or self.branches
            or self.pins_given
            or len(self.leases_given)
        )

    @property
    def root(self) -> Node:
        """The root of the tenant's tree without a salt."""
        return self.roots[""]

    def open_root(self, salt: str) -> Node:
        """A salt's root, made if there is none."""
        root = self.roots.get(salt)
        if root is None:
            root = self.roots[salt] = Node(self, None, b"", array("i"), salt)
        return root

    def close_root(self, root: Node) -> None:
        """Forget a salt that has no node left."""
        if root.salt and not root.children:
            self.roots.pop(root.salt, None)

    def heads(self) -> list[Node]:
        """The topmost nodes of this scope."""
        own = [node for root in self.roots.values() for node in root.children.values()]
        return [*own, *self.branches]

    def walk(self) -> Iterator[Node]:
        """Every node of this scope, parents before children."""
        stack = self.heads()
        while stack:
            node = stack.pop()
            yield node
            stack.extend(node.children.values())


def hold(path: list[Node], kind: int, total: Counts) -> None:
    """Count one hold on every node of a path, given tail first."""
    for node in path:
        holds = node.holds
        if not holds[kind]:
            pages, counts = len(node.slots), node.tree.counts
            if not any(holds):
                node.tree.policy.remove(node)
                counts.evictable -= pages
                total.evictable -= pages
            if kind != BRANCH and not node.protected:
                counts.free -= pages
                total.free -= pages
            counts.held[kind] += pages
            total.held[kind] += pages
        holds[kind] += 1


def unhold(path: list[Node], kind: int, total: Counts) -> bool:
    """Take back one hold from every node of a path, given tail first.

    True if that makes the path's tail an unheld leaf: the caller puts it into its order. No
    other node of a path can be one.
    """
    for node in path:
        holds = node.holds
        holds[kind] -= 1
        if not holds[kind]:
            pages, counts = len(node.slots), node.tree.counts
            counts.held[kind] -= pages
            total.held[kind] -= pages
            if kind != BRANCH and not node.protected:
                counts.free += pages
                total.free += pages
            if not any(holds):
                counts.evictable += pages
                total.evictable += pages
    return bool(path) and path[0].is_leaf and not any(path[0].holds)


class Race:
    """The scope whose front is least valuable, without asking every scope.

    A heap of scopes by the rank of their front when last seen. Use makes fronts more
    valuable, which is noticed when a scope comes up; whatever makes one less valuable
    calls ``offer``.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[tuple[int, ...], int, ScopeTree]] = []
        self._serial = 0

    def offer(self, tree: ScopeTree, rank: tuple[int, ...]) -> None:
        """A node of this rank may be given up now."""
        if tree.offered is None or rank < tree.offered:
            tree.offered = rank
            self._serial += 1
            heapq.heappush(self._heap, (rank, self._serial, tree))

    def front(self) -> Node | None:
        """The least valuable leaf of all scopes."""
        heap = self._heap
        while heap:
            rank, serial, tree = heap[0]
            if tree.offered != rank:
                heapq.heappop(heap)
            elif (node := tree.policy.front()) is None:
                tree.offered = None
                heapq.heappop(heap)
            elif (current := tree.policy.rank(node)) > rank:
                tree.offered = current
                heapq.heapreplace(heap, (current, serial, tree))
            else:
                return node
        return None
