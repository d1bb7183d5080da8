"""Which leaf goes first: LRU, LFU, FIFO, each one instance per scope.

A policy orders the leaves that nothing holds. When a leaf is gone its parent may be the
next one to join, at the place that its own past gives it.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Protocol

from headstart.prefix.node import Node

_SLACK = 64
"""Stale heap entries that are put up with before a heap is rebuilt."""


class Ranked(Protocol):
    """What a rank is computed from. ``tick`` numbers the operation that used the entry
    last, ``birth`` the one that stored it; ``hits`` counts its matches."""

    hits: int
    tick: int
    birth: int


class Policy(ABC):
    """An eviction order. The least rank goes first; in a tie, the deeper entry."""

    @staticmethod
    @abstractmethod
    def rank(entry: Ranked) -> tuple[int, ...]:
        """The entry's value; it never falls while the entry is only used."""

    @abstractmethod
    def add(self, leaf: Node) -> None:
        """A leaf that is in use just now; it is not in the order yet."""

    @abstractmethod
    def restore(self, leaf: Node) -> None:
        """As ``add``, but the last use lies back: the leaf takes the place of its rank."""

    @abstractmethod
    def remove(self, node: Node) -> None:
        """The node is held, has got a child, or is gone. No error if it is not in the order."""

    @abstractmethod
    def used(self, node: Node) -> None:
        """The node was used just now. No effect if it is not in the order."""

    @abstractmethod
    def front(self) -> Node | None:
        """The leaf to give up first; None if there is none."""

    def asked(self, key: bytes, size: int, now: float) -> None:  # noqa: B027 (optional)
        """A request of this scope is about to be matched: its whole key, stored or not, with
        ``size`` bytes a page. For policies that learn; the others need not know."""

    @abstractmethod
    def __contains__(self, node: object) -> bool: ...

    @abstractmethod
    def __len__(self) -> int: ...


class LRU(Policy):
    """Least recently used; O(1) to use, O(log n) at most to evict, whatever was touched.

    Leaves stand in the order of their use. One that joins without a use (its last child
    was evicted, its lease ran out) belongs somewhere inside that order: these wait in a heap
    beside it until they go or are used. No two leaves have the same tick, because one
    operation uses one path.
    """

    def __init__(self) -> None:
        self._order: OrderedDict[Node, None] = OrderedDict()
        self._restored: dict[Node, int] = {}
        self._heap: list[tuple[int, int, Node]] = []
        self._serial = 0

    @staticmethod
    def rank(entry: Ranked) -> tuple[int, ...]:
        return (entry.tick,)

    def add(self, leaf: Node) -> None:
        self._order[leaf] = None

    def restore(self, leaf: Node) -> None:
        self._serial += 1
        self._restored[leaf] = self._serial
        heapq.heappush(self._heap, (leaf.tick, self._serial, leaf))
        if len(self._heap) > 2 * len(self._restored) + _SLACK:
            self._heap = [entry for entry in self._heap if self._restored.get(entry[2]) == entry[1]]
            heapq.heapify(self._heap)

    def remove(self, node: Node) -> None:
        if node in self._order:
            del self._order[node]
        else:
            self._restored.pop(node, None)

    def used(self, node: Node) -> None:
        if node in self._order:
            self._order.move_to_end(node)
        elif node in self._restored:
            del self._restored[node]
            self._order[node] = None

    def front(self) -> Node | None:
        heap = self._heap
        while heap and self._restored.get(heap[0][2]) != heap[0][1]:
            heapq.heappop(heap)
        first = next(iter(self._order), None)
        if heap and (first is None or heap[0][0] < first.tick):
            return heap[0][2]
        return first

    def __contains__(self, node: object) -> bool:
        return node in self._order or node in self._restored

    def __len__(self) -> int:
        return len(self._order) + len(self._restored)


class HeapPolicy(Policy):
    """Any rank that never falls: a heap of leaves whose stale entries are renewed on sight.

    Cheap to use, O(log n) amortised to evict; one eviction is slow after everything
    was used.
    """

    def __init__(self) -> None:
        self._members: dict[Node, int] = {}
        self._heap: list[tuple[tuple[int, ...], int, Node]] = []
        self._serial = 0

    def add(self, leaf: Node) -> None:
        self._serial += 1
        self._members[leaf] = self._serial
        heapq.heappush(self._heap, (self.rank(leaf), self._serial, leaf))
        if len(self._heap) > 2 * len(self._members) + _SLACK:
            self._heap = [entry for entry in self._heap if self._members.get(entry[2]) == entry[1]]
            heapq.heapify(self._heap)

    def restore(self, leaf: Node) -> None:
        self.add(leaf)

    def remove(self, node: Node) -> None:
        self._members.pop(node, None)

    def used(self, node: Node) -> None:
        """Ranks are looked up when an entry comes to the front."""

    def front(self) -> Node | None:
        heap = self._heap
        while heap:
            rank, serial, leaf = heap[0]
            if self._members.get(leaf) != serial:
                heapq.heappop(heap)
            elif (current := self.rank(leaf)) > rank:
                heapq.heapreplace(heap, (current, serial, leaf))
            else:
                return leaf
        return None

    def __contains__(self, node: object) -> bool:
        return node in self._members

    def __len__(self) -> int:
        return len(self._members)


class LFU(HeapPolicy):
    """Least often matched; among equals the least recently used."""

    @staticmethod
    def rank(entry: Ranked) -> tuple[int, ...]:
        return (entry.hits, entry.tick)


class FIFO(HeapPolicy):
    """Oldest first, whatever was used since."""

    @staticmethod
    def rank(entry: Ranked) -> tuple[int, ...]:
        return (entry.birth,)
