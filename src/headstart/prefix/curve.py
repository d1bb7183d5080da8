"""Exact LRU hit rates for every capacity and every TTL, from one pass over a workload.

A call looks up all of its blocks, then touches them tail to head, so that a block is always
more recent than what hangs below it. A block hits under capacity C and TTL T if fewer than C
distinct blocks were touched since its own last touch and that is at most T ago. Both are
exact for all C and T at once: whatever lies above a live block in the LRU stack was touched
after it and is alive too, so a TTL never changes a block's rank.

The blocks of a call whose last touch was the same earlier call lie side by side in the
stack. So the pass keeps, in a Fenwick tree, how many blocks each call touched last, and
yields *runs* of blocks: O(log calls) for a run, one comparison and one store, by numpy, for
a block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from headstart.prefix.workload import Workload

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]


class Flat(NamedTuple):
    """A workload as three arrays: all blocks, where each call's begin (and the end), times."""

    blocks: npt.NDArray[np.int32]
    starts: Ints
    times: Floats


class HitCurve:
    """Runs of blocks that were seen before, one array element a run.

    Run i is ``lengths[i]`` blocks with stack distances ``above[i] + 1, above[i] + 2, ...``
    (blocks), last touched ``gaps[i]`` seconds before.
    """

    def __init__(self, above: Ints, lengths: Ints, gaps: Floats, footprint: int) -> None:
        order = np.argsort(gaps, kind="stable")
        self.above = above[order]
        self.lengths = lengths[order]
        self.gaps = gaps[order]
        self.footprint = footprint

    def by_capacity(self, ttl: float = np.inf) -> Ints:
        """Blocks hit at every capacity: element C is for a cache of C blocks, from 0 to the
        footprint, whose entries live for ``ttl`` seconds after each use."""
        alive = int(np.searchsorted(self.gaps, ttl, side="right"))
        above, ends = self.above[:alive], self.above[:alive] + self.lengths[:alive]
        size = self.footprint + 1
        # A run gives one more hit with every block of capacity from above + 1 to its end.
        steps = np.bincount(above, minlength=size) - np.bincount(ends, minlength=size)
        return np.concatenate(([0], np.cumsum(np.cumsum(steps))[:-1])).astype(np.int64)

    def by_ttl(self, capacity: int) -> tuple[Floats, Ints]:
        """Every TTL (seconds, ascending) at which the number of hits changes in a cache of so
        many blocks, and the blocks hit at it."""
        hits = np.cumsum(np.clip(capacity - self.above, 0, self.lengths))
        lasts = np.flatnonzero(np.diff(self.gaps, append=np.inf))
        return self.gaps[lasts], hits[lasts]

    def hits(self, capacity: int, ttl: float = np.inf) -> int:
        """Blocks hit at one capacity (blocks) and one TTL (seconds)."""
        alive = int(np.searchsorted(self.gaps, ttl, side="right"))
        return int(np.clip(capacity - self.above[:alive], 0, self.lengths[:alive]).sum())


def flatten(workload: Workload) -> Flat:
    """The arrays that the pass runs over."""
    sizes = [len(call.blocks) for call in workload.calls]
    starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    blocks = np.empty(int(starts[-1]), np.int32)
    for call, start in zip(workload.calls, starts.tolist(), strict=False):
        blocks[start : start + len(call.blocks)] = call.blocks
    times = np.array([call.time for call in workload.calls], np.float64)
    return Flat(blocks, starts, times)


def hit_curve(workload: Workload) -> HitCurve:
    """One pass over the workload."""
    return curve_of(flatten(workload), workload.footprint)


def curve_of(flat: Flat, footprint: int) -> HitCurve:
    """As ``hit_curve``, of arrays."""
    found = np.array([*_runs(flat.blocks, flat.starts, footprint)], np.int64).reshape(-1, 4)
    above, lengths, before, now = found.T
    return HitCurve(above, lengths, flat.times[now] - flat.times[before], footprint)


def _runs(
    blocks: npt.NDArray[np.int32], starts: Ints, footprint: int
) -> Iterator[tuple[int, int, int, int]]:
    """Every run: blocks above it, its length, the calls of its last touch and of this one."""
    last = np.full(footprint, -1, np.int32)
    touched = _Fenwick(len(starts) - 1)
    begin = 0
    for call, end in enumerate(starts[1:].tolist()):
        own = blocks[begin:end]
        runs = _cut(last[own])
        for before, length in runs:
            yield touched.total - touched.until(before), length, before, call
        for before, length in runs:
            touched.add(before, -length)
        last[own] = call
        touched.add(call, end - begin)
        begin = end


def _cut(touches: npt.NDArray[np.int32]) -> list[tuple[int, int]]:
    """Runs of one call's blocks that were seen before: their last touch, and how many."""
    ends = (touches[1:] != touches[:-1]).nonzero()[0].tolist()
    runs, at = [], 0
    for end in (*ends, len(touches) - 1):
        before = int(touches[at]) if end >= at else -1
        if before >= 0:
            runs.append((before, end + 1 - at))
        at = end + 1
    return runs


class _Fenwick:
    """How many blocks each call touched last."""

    def __init__(self, calls: int) -> None:
        self._sums = [0] * (calls + 1)
        self.total = 0

    def add(self, call: int, blocks: int) -> None:
        """So many more."""
        self.total += blocks
        sums, node = self._sums, call + 1
        while node < len(sums):
            sums[node] += blocks
            node += node & -node

    def until(self, call: int) -> int:
        """Of all calls up to this one."""
        sums, node, found = self._sums, call + 1, 0
        while node:
            found += sums[node]
            node &= node - 1
        return found
