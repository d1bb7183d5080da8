"""Prompts that a provider holds, as a prefix tree whose pages know when they expire.

Every use of a prompt touches its whole path, so the pages that are alive are closed under
prefixes as long as their lifetimes are equal, and a walk down one path finds where life
ends. What has expired stays, as the reason of misses, until room is short.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

from headstart.prefix import FIFO, LRU, Policy, RadixTree, Scope
from headstart.prefix.node import Node
from headstart.prefix.walk import Place, reach
from headstart.prompt import CUT_BYTES, Cuts
from headstart.providers.rules import Lifetime

ORDERS: Final[dict[str, Callable[[], Policy]]] = {"lru": LRU, "fifo": FIFO}
_KINDS: Final = 8
"""A page's slot is its tokens times this, plus the index of its lifetime."""
_PAGES_PER_ENTRY: Final = 64


class Held(NamedTuple):
    """Cuts of a prompt, from its start."""

    live: int
    stored: int
    """``live`` and what follows it that has expired."""


class TimedTree(RadixTree):
    """A radix tree of cuts, one a page, over any number of scopes.

    ``limit`` bounds nodes, and pages at 64 a node; ``capacity`` bounds tokens.
    """

    def __init__(
        self,
        lifetimes: Sequence[Lifetime],
        *,
        limit: int,
        capacity: int | None = None,
        order: str = "lru",
    ) -> None:
        if limit < 1 or (capacity is not None and capacity < 0) or order not in ORDERS:
            raise ValueError(f"no such bounds: {limit} entries, {capacity} tokens, {order!r}")
        if len(lifetimes) > _KINDS:
            raise ValueError(f"more than {_KINDS} lifetimes")
        super().__init__(page=1, width=CUT_BYTES, policy=ORDERS[order])
        self.lifetimes = tuple(lifetimes)
        self.limit = limit
        self.capacity = capacity
        self.tokens = 0
        """Of all pages."""

    @property
    def nodes(self) -> int:
        """Stored stretches that share one history."""
        return self.size_info().nodes

    def held(self, cuts: Cuts, scope: str, now: float) -> Held:
        """How much of a prompt is stored, and alive; changes nothing."""
        place = self._forest.seek(cuts.symbols, Scope(scope))
        return Held(self._live(place, now) // CUT_BYTES, reach(place) // CUT_BYTES)

    def write(self, cuts: Cuts, scope: str, lifetime: int, now: float) -> None:
        """Store and refresh a prompt. What is alive keeps its own lifetime, unless nobody
        pays for writing: then the longer one counts. What had expired is written anew."""
        if not cuts.ends:
            return
        place = self._forest.seek(cuts.symbols, Scope(scope))
        live, present = self._live(place, now), reach(place) // CUT_BYTES
        ends = (cuts.ends[present - 1] if present else 0, *cuts.ends[present:])
        slots = array("i", [(b - a) * _KINDS + lifetime for a, b in pairwise(ends)])
        self.insert(cuts.symbols, slots, Scope(scope), now, present)
        self.tokens += ends[-1] - ends[0]
        at = 0
        for node in reversed(self._end(cuts.symbols, scope).path()):
            self._renew(node, lifetime, now, at >= live)
            at += len(node.key)
        self._shrink(now)

    def forget(self, cuts: Cuts, keep: int, scope: str) -> None:
        """Forget all that continues the first ``keep`` cuts on this path, and perhaps these."""
        key = cuts.symbols[: (keep + 1) * CUT_BYTES]
        self.tokens -= _tokens(self.remove(key, Scope(scope)))

    def dump(self) -> list[list[Any]]:
        """All nodes, those that came first ahead, every parent before its children."""
        found = sorted(
            (
                (node.birth, len(path), node)
                for node in self._forest.nodes(None)
                if (path := node.path())
            ),
            key=lambda item: item[:2],
        )
        number = {id(node): i for i, (_, _, node) in enumerate(found)}
        return [
            [
                number.get(id(node.parent), -1),
                node.tree.name,
                node.key,
                list(node.slots),
                node.created,
                node.last_access,
                node.tick,
            ]
            for _, _, node in found
        ]

    def restore(self, rows: Sequence[Sequence[Any]]) -> None:
        """Fill an empty tree from ``dump``; ValueError, TypeError or IndexError otherwise."""
        keys: list[bytes] = []
        nodes: list[Node] = []
        for parent, scope, tail, slots, created, _, _ in rows:
            above = keys[parent] if parent >= 0 else b""
            if not tail or any(slot % _KINDS >= len(self.lifetimes) for slot in slots):
                raise ValueError("a stored node is empty, or has a lifetime that is not known")
            keys.append(above + tail)
            start = len(above) // CUT_BYTES
            done = self.insert(keys[-1], array("i", slots), Scope(scope), created, start)
            if done.present != start:
                raise ValueError("a stored node is there twice")
            self.tokens += _tokens(array("i", slots))
            nodes.append(self._end(keys[-1], scope))
        for i in sorted(range(len(rows)), key=lambda i: float(rows[i][6])):
            self._forest.use(nodes[i].path(), 0.0, hit=0)
        for node, row in zip(nodes, rows, strict=True):
            node.created, node.last_access = float(row[4]), float(row[5])

    def _live(self, place: Place, now: float) -> int:
        """Bytes of a path up to the first page that has expired."""
        at = 0
        for node in reversed(place[0].path()):
            life = self.lifetimes[node.slots[0] % _KINDS]
            if now >= (node.last_access if life.refresh else node.created) + life.seconds:
                return at
            at += len(node.key)
        return min(at, reach(place))

    def _end(self, key: bytes, scope: str) -> Node:
        return self._forest.end_of(self._forest.seek(key, Scope(scope)))

    def _renew(self, node: Node, lifetime: int, now: float, dead: bool) -> None:
        old = node.slots[0] % _KINDS
        life, held = self.lifetimes[lifetime], self.lifetimes[old]
        if dead:
            node.created = now
        elif life.bucket is not None or life.seconds <= held.seconds:
            return
        if lifetime != old:
            node.slots = array("i", [slot - old + lifetime for slot in node.slots])

    def _shrink(self, now: float) -> None:
        """Whole nodes go while there are too many, else no more pages than must."""
        first = self._forest.front_of(None)
        while (node := first()) is not None:
            size = self.size_info()
            if size.nodes > self.limit:
                over = len(node.slots)
            elif size.pages > self.limit * _PAGES_PER_ENTRY:
                over = min(len(node.slots), size.pages - self.limit * _PAGES_PER_ENTRY)
            elif self.capacity is not None and self.tokens > self.capacity:
                over = _tail(node.slots, self.tokens - self.capacity)
            else:
                return
            self.tokens -= _tokens(self.evict(over, now).slots)


def _tail(slots: array[int], tokens: int) -> int:
    """Pages at the end that hold at least so many tokens; all of them if none do."""
    sums = accumulate(slot // _KINDS for slot in reversed(slots))
    return next((i for i, held in enumerate(sums, 1) if held >= tokens), len(slots))


def _tokens(slots: array[int]) -> int:
    return sum(slot // _KINDS for slot in slots)
