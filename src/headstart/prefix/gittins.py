"""The leaf with the least Gittins index goes first."""

from __future__ import annotations

import heapq
from collections import OrderedDict

from headstart.prefix.history import History
from headstart.prefix.node import Node
from headstart.prefix.policies import Policy, Ranked

_SLACK = 64
RENEWED = 8
"""Leaves looked at again with every eviction, longest not looked at first, so that newly
fitted indices come to all without a pause."""


class Standing:
    """What a leaf in the order is worth, and until when. ``seen`` is its history."""

    __slots__ = ("seen", "until", "value")

    def __init__(self, seen: Node) -> None:
        self.seen = seen
        self.value = -1.0
        self.until = -1.0


class Gittins(Policy):
    """Values of leaves change with their age, at the ends of its bins, and with every fit.

    A heap by value and one by the time at which the value changes next, both with stale
    entries that are skipped: O(log n) amortised for a use or an eviction.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._new: dict[Node, None] = {}
        self._standing: OrderedDict[Node, Standing] = OrderedDict()
        self._heap: list[tuple[float, int, int, Node]] = []
        self._due: list[tuple[float, int, Node]] = []
        self._serial = 0

    @staticmethod
    def rank(entry: Ranked) -> tuple[int, ...]:
        """Between scopes, whose indices do not compare: the least recently used."""
        return (entry.tick,)

    def add(self, leaf: Node) -> None:
        self._new[leaf] = None

    def restore(self, leaf: Node) -> None:
        self._new[leaf] = None

    def remove(self, node: Node) -> None:
        if self._standing.pop(node, None) is None:
            self._new.pop(node, None)

    def used(self, node: Node) -> None:
        if self._standing.pop(node, None) is not None:
            self._new[node] = None

    def front(self) -> Node | None:
        self._settle()
        heap = self._heap
        while heap:
            value, _, _, leaf = heap[0]
            standing = self._standing.get(leaf)
            if standing is not None and standing.value == value:
                return leaf
            heapq.heappop(heap)
        return None

    def __contains__(self, node: object) -> bool:
        return node in self._standing or node in self._new

    def __len__(self) -> int:
        return len(self._standing) + len(self._new)

    def _settle(self) -> None:
        """Value the leaves that came, those whose time is up, and a few of the others."""
        for leaf in self._new:
            key = b"".join(node.key for node in reversed(leaf.path()))
            self._standing[leaf] = Standing(self._history.find(key) or leaf)
            self._value(leaf)
        self._new.clear()
        now, due = self._history.now, self._due
        while due and due[0][0] <= now:
            until, _, leaf = heapq.heappop(due)
            standing = self._standing.get(leaf)
            if standing is not None and standing.until == until:
                self._value(leaf)
        for _ in range(min(RENEWED, len(self._standing))):
            leaf = next(iter(self._standing))
            self._standing.move_to_end(leaf)
            self._value(leaf)
        self._tidy()

    def _value(self, leaf: Node) -> None:
        standing = self._standing[leaf]
        value, until = self._history.value(standing.seen)
        self._serial += 1
        if value != standing.value:
            standing.value = value
            heapq.heappush(self._heap, (value, leaf.tick, self._serial, leaf))
        if until != standing.until:
            standing.until = until
            heapq.heappush(self._due, (until, self._serial, leaf))

    def _tidy(self) -> None:
        """Throw stale entries out when there are more of them than of others."""
        standing, most = self._standing, 2 * len(self._standing) + _SLACK
        if len(self._heap) > most:
            self._heap = [
                e for e in self._heap if e[3] in standing and standing[e[3]].value == e[0]
            ]
            heapq.heapify(self._heap)
        if len(self._due) > most:
            self._due = [e for e in self._due if e[2] in standing and standing[e[2]].until == e[0]]
            heapq.heapify(self._due)
