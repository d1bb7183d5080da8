"""Replaying a workload through the index and the eviction policies that serve."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

from headstart.prefix.contract import PrefixIndex, Scope
from headstart.prefix.policies import Policy
from headstart.prefix.tree import RadixTree
from headstart.prefix.workload import Workload

SCOPE = Scope("trace")


class Step(NamedTuple):
    """After one call: blocks that it hit, and blocks held."""

    hit: int
    held: int


class Cache:
    """A prefix index with a limit. A call looks its prompt up, stores the rest, and what is
    too much is evicted, be it the prompt's own tail."""

    def __init__(self, index: PrefixIndex, capacity: int) -> None:
        """``capacity`` in pages of the index."""
        self.index = index
        self.capacity = capacity

    def call(self, key: bytes, now: float) -> Step:
        """Serve one prompt, packed as the index wants it."""
        index = self.index
        size = index.page * index.width
        hit = index.match(key, SCOPE, now).length // index.page
        slots = array("i", bytes(4 * (len(key) // size - hit)))
        index.insert(key, slots, SCOPE, now, start=hit * index.page)
        held = index.size_info().pages
        if held > self.capacity:
            held -= len(index.evict(held - self.capacity, now, SCOPE.tenant).slots)
        return Step(hit, held)


def replay(workload: Workload, policy: Callable[[], Policy], capacity: int) -> Iterator[Step]:
    """Every call of a workload, in turn, through a radix tree of ``capacity`` blocks."""
    cache = Cache(RadixTree(page=1, width=4, policy=policy), capacity)
    for call in workload.calls:
        yield cache.call(call.blocks.tobytes(), call.time)
