"""Exact LRU hit rates for every capacity and every TTL, from one pass over a workload.

A call looks up all of its blocks, then touches them tail to head, so that a block is always
more recent than what hangs below it. A block hits under capacity C and TTL T if fewer than C
distinct blocks were touched since its own last touch and that is at most T ago. Both are
exact for all C and T at once: whatever lies above a live block in the LRU stack was touched
after it and is alive too, so a TTL never changes a block's rank.

The blocks of a call whose last touch was the same earlier call lie side by side in the
stack. So the pass keeps, in a Fenwick tree, how many blocks each call touched last, and
yields *runs* of blocks: O(log calls) for a run, one comparison and one store for a block.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from headstart.prefix.workload import Workload

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
_WORTH_COMPILING: Final = 1_000_000
"""Blocks. Compiling takes seconds; the interpreter passes about a million a second."""


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
    """One pass over the workload: compiled where numba is there, else by the interpreter."""
    return curve_of(flatten(workload), workload.footprint)


def curve_of(flat: Flat, footprint: int) -> HitCurve:
    """As ``hit_curve``, of arrays."""
    runs = _compiled() if len(flat.blocks) > _WORTH_COMPILING else _runs
    above, lengths, before, now = runs(flat.blocks, flat.starts, footprint)
    gaps = flat.times[now] - flat.times[before]
    return HitCurve(above, lengths, gaps, footprint)


@cache
def _compiled() -> Callable[..., tuple[Ints, Ints, Ints, Ints]]:
    try:
        numba: Any = import_module("numba")
    except ModuleNotFoundError:
        return _runs
    compiled: Callable[..., tuple[Ints, Ints, Ints, Ints]] = numba.njit(nogil=True)(_runs)
    return compiled


def _runs(
    blocks: npt.NDArray[np.int32], starts: Ints, footprint: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """``above, lengths`` of every run, and the calls of its last touch and of this one."""
    calls = len(starts) - 1
    last = np.full(footprint, -1, np.int32)
    tree = np.zeros(calls + 1, np.int64)  # Fenwick: blocks by the call that touched them last
    runs = np.empty((4, 1024), np.int64)
    count = 0
    alive = 0
    for call in range(calls):
        first = count
        at, end = starts[call], starts[call + 1]
        while at < end and last[blocks[at]] >= 0:
            before = last[blocks[at]]
            begin = at
            while at < end and last[blocks[at]] == before:
                last[blocks[at]] = call
                at += 1
            if count == runs.shape[1]:
                grown = np.empty((4, 2 * count), np.int64)
                grown[:, :count] = runs
                runs = grown
            older = 0
            node = before + 1
            while node > 0:
                older += tree[node]
                node -= node & -node
            runs[0, count] = alive - older
            runs[1, count] = at - begin
            runs[2, count] = before
            runs[3, count] = call
            count += 1
        alive += end - at
        while at < end:
            last[blocks[at]] = call
            at += 1
        for run in range(first, count):
            node = runs[2, run] + 1
            while node <= calls:
                tree[node] -= runs[1, run]
                node += node & -node
        node = call + 1
        while node <= calls:
            tree[node] += end - starts[call]
            node += node & -node
    return runs[0, :count], runs[1, :count], runs[2, :count], runs[3, :count]
