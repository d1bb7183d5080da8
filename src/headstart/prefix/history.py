"""What was asked for lately, cached or not: the memory that a learned policy learns from."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterator
from math import log
from typing import NamedTuple

from headstart.prefix.hazard import FEATURES, Hazards, bin_of, end_of, kind_of
from headstart.prefix.node import Node
from headstart.prefix.policies import LRU
from headstart.prefix.scopes import ScopeTree
from headstart.prefix.walk import descend, reach

REACH = 4
LEAST_PAGES = 32_768
MOST_NODES = 20_000
"""It reaches back over so many times the capacity, and over so many pages at least; but over
no more nodes, unless twice the capacity takes them."""
FIRST_FIT, FIT_GROWTH, FIT_EVERY = 16, 16, 256
"""Requests before the first fit, the share (1/n) of them after which the next follows, and
the longest wait, unless there are very many nodes:"""
NODES_A_REQUEST = 16
"""A fit looks at every node; so many of them for each request since the last fit."""
MOST_HITS = FEATURES[-1]
NEW = FEATURES[0] - 1
"""The gap of a request that continues nothing."""


class Visit(NamedTuple):
    """What is known of one request. ``turn`` is how many it continues, one the other; ``kind``
    is made of that, of how long after the last of them it came, and of the pages it added."""

    turn: int
    kind: int


class History:
    """Asked prompts as a tree without KV, its nodes forgotten in LRU order.

    Beside teaching ``hazards`` it knows what a cache of any smaller size would have hit
    under LRU: exactly, as LRU's stack is in it.
    """

    def __init__(self, hazards: Hazards) -> None:
        self.hazards = hazards
        self.now = 0.0
        self._tree = ScopeTree("", LRU())
        self._size = 0
        self.nodes = 0
        self.pages = 0
        self._tick = 0
        self._visits: OrderedDict[int, Visit] = OrderedDict()
        self._stack = Stack()
        self._next_fit = FIRST_FIT

    def asked(self, key: bytes, size: int, now: float, capacity: int | None) -> int:
        """Take note of a request (``size`` bytes a page); the pages of it that LRU would have
        had in a cache of ``capacity`` pages (None: without a limit)."""
        self._size = size
        self.now = max(self.now, now)
        self._tick += 1
        root = self._tree.root
        place = descend(root, root.children, key, 0, size)
        path = self._end_of(place).path()
        if capacity is not None:
            self._stack.shrink(capacity)
        hit = self._stack.holds(path, capacity)
        for node in path:
            self.hazards.used(self.kind(node), self.now - node.last_access)
        visit = self._visit(path, (len(key) - reach(place)) // size)
        if len(key) > reach(place):
            path.insert(0, self._attach(path[0] if path else root, key[reach(place) :]))
        self._use(path, visit)
        self._forget(capacity or self.pages)
        if self._tick >= self._next_fit:
            pause = min(max(FIRST_FIT, self._tick // FIT_GROWTH), FIT_EVERY)
            self._next_fit = self._tick + max(pause, self.nodes // NODES_A_REQUEST)
            self.hazards.fit(self._running())
        return hit

    def find(self, key: bytes) -> Node | None:
        """The node in which a key ends, or the last one on its way; None if there is none."""
        root = self._tree.root
        node = descend(root, root.children, key, 0, self._size)[0]
        return node if node is not root else None

    def kind(self, node: Node) -> int:
        """The kind of episode that a node is in since its last use."""
        return self._visits[node.tick].kind + min(node.hits, MOST_HITS) - 1

    def value(self, node: Node) -> tuple[float, float]:
        """What holding a page of this node is worth now, and until when it is worth just that.

        A node that is not of this history, or was forgotten, is worth what one of any kind is.
        """
        number = bin_of(self.now - node.last_access)
        known = node.tree is self._tree and node.tick in self._visits
        value = self.hazards.value(self.kind(node) if known else None, number)
        return value, node.last_access + end_of(number)

    def _visit(self, path: list[Node], fresh: int) -> Visit:
        gap, turn = NEW, 0
        if path and path[0].is_leaf:
            gap = min(NEW - 1, _log(self.now - path[0].last_access, 2))
            turn = self._visits[path[0].tick].turn + 1
        return Visit(turn, kind_of((gap, _log(turn, 2), _log(fresh, 4), 0)))

    def _end_of(self, place: tuple[Node, int, int]) -> Node:
        node, _, part = place
        if not part:
            return node
        upper = node.cut(part, self._size)
        assert upper.parent is not None
        upper.parent.children[upper.key[: self._size]] = upper
        self.nodes += 1
        return upper

    def _attach(self, parent: Node, key: bytes) -> Node:
        if parent.is_leaf:
            self._tree.policy.remove(parent)
        pages = len(key) // self._size
        node = Node(self._tree, parent, key, array("i", bytes(4 * pages)))
        parent.children[key[: self._size]] = node
        self._tree.policy.add(node)
        self.nodes += 1
        self.pages += pages
        return node

    def _use(self, path: list[Node], visit: Visit) -> None:
        if not path:
            return
        for node in path:
            self._stack.touch(node.tick, self._tick, len(node.slots))
            node.tick = self._tick
            node.last_access = self.now
            node.hits += 1
        self._tree.policy.used(path[0])
        self._visits[self._tick] = visit

    def _forget(self, capacity: int) -> None:
        least = 2 * capacity
        most = max(LEAST_PAGES, REACH * capacity)
        while self.pages > most or (self.nodes > MOST_NODES and self.pages > least):
            leaf = self._tree.policy.front()
            if leaf is None:
                break
            self.hazards.lost(self.kind(leaf), self.now - leaf.last_access)
            self._drop(leaf)

    def _drop(self, leaf: Node) -> None:
        parent = leaf.parent
        assert parent is not None
        self._tree.policy.remove(leaf)
        del parent.children[leaf.key[: self._size]]
        self.nodes -= 1
        self.pages -= len(leaf.slots)
        self._stack.forget(leaf.tick, len(leaf.slots))
        if parent.is_leaf and parent.parent is not None:
            self._tree.policy.restore(parent)
        front = self._tree.policy.front()
        while self._visits and (front is None or next(iter(self._visits)) < front.tick):
            self._visits.popitem(last=False)

    def _running(self) -> Iterator[tuple[int, float]]:
        for node in self._tree.walk():
            yield self.kind(node), self.now - node.last_access


class Stack:
    """LRU's stack, as pages by the number of the request that used them last.

    Those of requests after ``edge`` are held; of the ones that ``edge`` used last, the
    uppermost that still fit.
    """

    def __init__(self) -> None:
        self._pages: dict[int, int] = {}
        self._edge = 0
        self._held = 0

    def holds(self, path: list[Node], capacity: int | None) -> int:
        """Leading pages of a path, given tail first, that a cache of this size has."""
        hit = cut = 0
        for node in reversed(path):
            if node.tick > self._edge or capacity is None:
                hit += len(node.slots)
            elif node.tick == self._edge:
                cut += len(node.slots)
        return hit + min(cut, max(0, (capacity or 0) - self._held))

    def touch(self, before: int, now: int, pages: int) -> None:
        """Pages were used, last by request ``before`` (0: never)."""
        if before > self._edge:
            self._pages[before] -= pages
        else:
            self._held += pages
        self._pages[now] = self._pages.get(now, 0) + pages

    def shrink(self, capacity: int) -> None:
        """Let go what does not fit."""
        while self._held > capacity:
            self._edge += 1
            self._held -= self._pages.pop(self._edge, 0)

    def forget(self, last: int, pages: int) -> None:
        """Pages last used by request ``last`` are known no longer."""
        if last > self._edge:
            self._pages[last] -= pages
            self._held -= pages


def _log(value: float, base: int) -> int:
    return int(log(value + 1, base))
