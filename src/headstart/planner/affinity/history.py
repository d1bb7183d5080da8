"""What replicas hold, from what was sent to them: one radix tree over all of them.

One walk down the tree answers for every replica: each node has the set of its holders as an
int, and sets only shrink on the way down. Every replica has an exact LRU order of its own, as
a queue of the ends of prompts sent to it: a node's last use is remembered on the node, so an
entry of the queue that was overtaken by a later use is recognised and skipped.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from math import sqrt
from typing import Final

from headstart.planner.affinity.contract import Level, ReplicaHistory, Touched
from headstart.prefix import common

_SLACK: Final = 64
"""Entries of a queue that may be overtaken before it is gone through."""


class _Node:
    """A run of symbols that share one history at every replica."""

    __slots__ = ("children", "ends", "holders", "key", "parent", "ticks")

    def __init__(self, parent: _Node | None, key: bytes, ends: array[int]) -> None:
        self.parent = parent
        self.key = key
        self.ends = ends
        self.children: dict[bytes, _Node] = {}
        self.holders = 0
        self.ticks: dict[int, int] = {}
        """By replica, its last use there."""

    @property
    def start(self) -> int:
        """Tokens before it."""
        return self.parent.ends[-1] if self.parent is not None and self.parent.ends else 0

    @property
    def tokens(self) -> int:
        """Tokens of the run."""
        return self.ends[-1] - self.start


class _Replica:
    """One replica's books."""

    __slots__ = ("capacity", "held", "nodes", "queue")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held = 0
        self.nodes = 0
        self.queue: deque[tuple[int, _Node]] = deque()
        """Ends of prompts by the tick of their use, in order. Of all nodes last used in one
        tick, the entry's is the deepest."""


class HistoryTree(ReplicaHistory):
    """See ``ReplicaHistory``. A walk costs O(nodes on the path), a use the same and what it
    evicts; memory is ``width`` + 4 bytes a symbol, about 600 bytes a node and 100 bytes for
    each replica that holds it, whatever the number of replicas."""

    def __init__(self, width: int = 8) -> None:
        """``width`` in bytes a symbol. ValueError if it is below 1."""
        if width < 1:
            raise ValueError(f"symbols must have at least 1 byte, not {width}")
        self._width = width
        self._root = _Node(None, b"", array("I"))
        self._replicas: dict[int, _Replica] = {}
        self._all = 0
        self._tick = 0
        self.nodes = 0
        """Nodes of the tree; their memory grows with it."""

    def add(self, slot: int, capacity: int) -> None:
        if slot in self._replicas:
            raise ValueError(f"slot {slot} is taken")
        self._replicas[slot] = _Replica(capacity)
        self._all |= 1 << slot

    def remove(self, slot: int) -> None:
        self.clear(slot)
        del self._replicas[slot]
        self._all &= ~(1 << slot)

    def resize(self, slot: int, capacity: int) -> None:
        self._replicas[slot].capacity = capacity
        self._evict(slot, self._replicas[slot])

    def clear(self, slot: int) -> None:
        self.expire(slot, self._tick)

    def held(self, slot: int) -> int:
        return self._replicas[slot].held

    def match(self, key: bytes) -> list[Level]:
        self._check(key)
        width = self._width
        levels: list[tuple[int, int]] = []
        path: list[tuple[int, int, int]] = []
        node, at, tokens, alive = self._root, 0, 0, self._all
        while alive and (child := node.children.get(key[at : at + width])) is not None:
            here = alive & child.holders
            if here != alive:
                levels.append((tokens, alive & ~here))
                alive = here
            edge = child.key
            if not key.startswith(edge, at):
                symbols = common(edge, key[at : at + len(edge)], width)
                path.append((tokens, child.ends[symbols - 1], 1))
                tokens = child.ends[symbols - 1]
                break
            path.append((tokens, child.ends[-1], len(child.children) or 1))
            tokens = child.ends[-1]
            node, at = child, at + len(edge)
        if alive:
            levels.append((tokens, alive))
        return _deepest_first(levels, path)

    def touch(self, slot: int, key: bytes, ends: Sequence[int]) -> Touched:
        self._check(key)
        if len(ends) * self._width != len(key):
            raise ValueError(f"{len(ends)} ends for {len(key) // self._width} symbols")
        replica = self._replicas[slot]
        self._tick += 1
        node, at = self._descend(key)
        if at < len(key):
            node = self._attach(node, key[at:], ends[at // self._width :])
        known, stages = self._use(slot, replica, node)
        if node.parent is not None:
            replica.queue.append((self._tick, node))
            if len(replica.queue) > 2 * replica.nodes + _SLACK:
                replica.queue = deque(e for e in replica.queue if e[1].ticks.get(slot) == e[0])
            self._evict(slot, replica)
        return Touched(self._tick, known, stages)

    def retract(self, slot: int, touched: Touched) -> None:
        replica = self._replicas[slot]
        tick, queue = touched.tick, replica.queue
        at = next((i for i in reversed(range(len(queue))) if queue[i][0] <= tick), -1)
        if at < 0 or queue[at][0] != tick:
            return
        node: _Node | None = queue[at][1]
        while node is not None and node.ticks.get(slot) == tick and node.start >= touched.known:
            parent = node.parent
            self._drop(slot, replica, node)
            node = parent
        if node is not None and node.ticks.get(slot) == tick:
            queue[at] = (tick, node)
        else:
            del queue[at]

    def expire(self, slot: int, tick: int) -> int:
        replica = self._replicas[slot]
        before, queue = replica.held, replica.queue
        while queue and queue[0][0] <= tick:
            self._drop_first(slot, replica)
        return before - replica.held

    def _descend(self, key: bytes) -> tuple[_Node, int]:
        """The node at which what is stored of a key ends, and the bytes to there."""
        width, node, at = self._width, self._root, 0
        while (child := node.children.get(key[at : at + width])) is not None:
            edge = child.key
            if not key.startswith(edge, at):
                part = common(edge, key[at : at + len(edge)], width)
                return self._cut(child, part), at + part * width
            node, at = child, at + len(edge)
        return node, at

    def _attach(self, parent: _Node, key: bytes, ends: Sequence[int]) -> _Node:
        node = _Node(parent, key, array("I", ends))
        parent.children[key[: self._width]] = node
        self.nodes += 1
        return node

    def _cut(self, node: _Node, symbols: int) -> _Node:
        """Put a new node over this one that takes its first symbols. This object stays the
        lower part: the queues' entries are ends of prompts, and stay so."""
        width, at, parent = self._width, symbols * self._width, node.parent
        assert parent is not None
        upper = _Node(parent, node.key[:at], node.ends[:symbols])
        upper.holders, upper.ticks = node.holders, node.ticks.copy()
        parent.children[upper.key[:width]] = upper
        upper.children[node.key[at : at + width]] = node
        node.key, node.ends, node.parent = node.key[at:], node.ends[symbols:], upper
        self.nodes += 1
        for slot in upper.ticks:
            self._replicas[slot].nodes += 1
        return upper

    def _use(
        self, slot: int, replica: _Replica, node: _Node
    ) -> tuple[int, tuple[tuple[int, int], ...]]:
        """Every node from the root to this one is held, and used now."""
        bit, tick, known = 1 << slot, self._tick, 0
        stages: list[tuple[int, int]] = []
        step: _Node | None = node
        while step is not None and step.parent is not None:
            before = step.ticks.get(slot)
            step.ticks[slot] = tick
            if before is None:
                step.holders |= bit
                replica.nodes += 1
                replica.held += step.tokens
            else:
                known = known or step.ends[-1]
                if not stages or stages[-1][1] != before:
                    stages.append((step.ends[-1], before))
            step = step.parent
        stages.reverse()
        return known, tuple(stages)

    def _evict(self, slot: int, replica: _Replica) -> None:
        while replica.held > replica.capacity and replica.queue:
            tick, node = replica.queue[0]
            excess = replica.held - replica.capacity
            if node.ticks.get(slot) == tick and node.tokens > excess:
                kept = _last_below(node.ends, node.ends[-1] - excess)
                if kept:
                    replica.queue[0] = (tick, self._cut(node, kept))
                    self._drop(slot, replica, node)
                    continue
            self._drop_first(slot, replica)

    def _drop_first(self, slot: int, replica: _Replica) -> None:
        """Give up the node at the queue's head; what it hangs on is next, if it was last used
        together with it: whatever else hangs there was used before, and went before."""
        tick, node = replica.queue.popleft()
        if node.ticks.get(slot) != tick:
            return
        parent = node.parent
        self._drop(slot, replica, node)
        if parent is not None and parent.ticks.get(slot) == tick:
            replica.queue.appendleft((tick, parent))

    def _drop(self, slot: int, replica: _Replica, node: _Node) -> None:
        del node.ticks[slot]
        node.holders &= ~(1 << slot)
        replica.nodes -= 1
        replica.held -= node.tokens
        if not node.holders and node.parent is not None:
            del node.parent.children[node.key[: self._width]]
            self.nodes -= 1

    def _check(self, key: bytes) -> None:
        if len(key) % self._width:
            raise ValueError(f"a key of {len(key)} bytes is not symbols of {self._width}")


def _deepest_first(levels: list[tuple[int, int]], path: list[tuple[int, int, int]]) -> list[Level]:
    """Levels, and what each is short of. ``path`` has start, end and ways on of each node."""
    found, apart, ways, at = [], 0.0, 1, len(path)
    for tokens, replicas in reversed(levels):
        while at and path[at - 1][0] >= tokens:
            at -= 1
            start, end, branches = path[at]
            ways = max(ways, branches)
            apart += (end - start) / sqrt(ways)
        found.append(Level(tokens, replicas, apart))
    return found


def _last_below(ends: array[int], limit: int) -> int:
    """How many leading symbols end at ``limit`` tokens at most."""
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        if ends[middle] <= limit:
            low = middle + 1
        else:
            high = middle
    return low
