"""MIN, Belady's bound on what any eviction policy can hit, on a prefix tree."""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headstart.prefix.workload import Workload


class Future(NamedTuple):
    """For every call, when its blocks are used next: runs of ``(call, blocks)``, soonest
    first, without the blocks that are never used again."""

    sizes: list[int]
    runs: list[list[tuple[int, int]]]


def foresee(workload: Workload) -> Future:
    """Look ahead once, for every capacity. O(blocks)."""
    never = len(workload.calls)
    upcoming: npt.NDArray[np.int64] = np.full(workload.footprint, never, np.int64)
    runs: list[list[tuple[int, int]]] = [[] for _ in workload.calls]
    for number in range(never - 1, -1, -1):
        blocks = np.frombuffer(workload.calls[number].blocks, np.int32)
        uses = upcoming[blocks]
        upcoming[blocks] = number
        if len(uses):
            starts = [0, *(np.flatnonzero(np.diff(uses)) + 1).tolist(), len(uses)]
            values = uses[starts[:-1]].tolist()
            runs[number] = [
                (use, starts[i + 1] - starts[i]) for i, use in enumerate(values) if use < never
            ]
    return Future([len(call.blocks) for call in workload.calls], runs)


def belady(future: Future, capacity: int) -> int:
    """The most blocks that a cache of so many blocks can hit.

    After every call the blocks whose next use is farthest go, the deepest first. A block's
    next use is never before that of the blocks above it, so what is kept is always closed
    under prefixes, and all that is resident of a call's prompt has this call as its next
    use: hence only the number of resident blocks per next use is kept. A call's own new
    blocks may go at once, which no policy can do better.
    """
    resident: dict[int, int] = {}
    farthest: list[int] = []
    held = hits = 0
    for number, runs in enumerate(future.runs):
        hit = resident.pop(number, 0)
        hits += hit
        held -= hit
        for use, blocks in runs:
            held += blocks
            if use in resident:
                resident[use] += blocks
            else:
                resident[use] = blocks
                heapq.heappush(farthest, -use)
        while held > capacity:
            use = -farthest[0]
            over = held - capacity
            here = resident.get(use, 0)
            if here > over:
                resident[use] = here - over
                held -= over
            else:
                heapq.heappop(farthest)
                held -= resident.pop(use, 0)
    return hits
