"""Lanes: the KV of one running request, laid out as attention kernels want it.

Cached KV lies token by token in the arena; attention reads it layer by layer and head by
head. A lane is the second form. Copying 8,000 tokens of SmolLM2-135M (184 MB) from the one
into the other takes about 20 ms on two cores, which is why a lane is a copy and not a
view: the kernels stay the library's own, and the arena need not lie in the model's memory.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from headstart.kv import Arena, KVCache, KVLayout
from headstart.kv.cache import Rows
from headstart.prefix import Scope, common

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
STEP = 64
"""A lane's reservation grows by this many tokens (two pages of the operating system
in each head's plane at 64 elements of two bytes)."""
PIECE_BYTES = 8 << 20
"""KV between arena and lane is copied in pieces of at most this size, several at a time,
unless they are less than an eighth of it."""
MOST_COPIERS = 4
"""Memory's bandwidth, not the cores, is the limit beyond that."""

Heads = npt.NDArray[np.void]
"""One element: what one head keeps of one token."""


class Lane:
    """KV of at most ``capacity`` tokens of one sequence; ``kv`` is
    [layers, 2, kv_heads, capacity, head_dim]."""

    __slots__ = (
        "capacity", "content", "heads", "kept", "keys", "kv", "scope", "touched", "values",
    )  # fmt: skip

    def __init__(self, layout: KVLayout, capacity: int, device: torch.device) -> None:
        self.capacity = capacity
        self.touched = 0
        self.scope: Scope | None = None
        self.content = b""
        """Packed tokens of ``scope`` whose KV the lane still holds from its last request."""
        self.kept = 0
        """How many of them are also the first tokens of the request that has it now."""
        shape = (layout.layers, 2, layout.kv_heads, capacity, layout.head_dim)
        dtype = DTYPES[layout.dtype]
        self.heads: Heads | None = None
        """The same memory as [layers * 2 * kv_heads, capacity]; None if it is a device's."""
        if device.type == "cpu":
            # Mapped by hand: memory is taken as tokens come and returned when it is dropped.
            size = capacity * layout.token_bytes
            memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            self.kv = torch.frombuffer(memory, dtype=dtype).view(shape)
            self.heads = _heads(memory, layout).reshape(-1, capacity)
        else:
            self.kv = torch.empty(shape, dtype=dtype, device=device)
        # Views made once: taking them anew costs a microsecond each, 60 a token.
        self.keys: Sequence[Tensor] = [plane[0] for plane in self.kv]
        self.values: Sequence[Tensor] = [plane[1] for plane in self.kv]


class LanePool:
    """Hands out lanes within the cache's byte budget and keeps a few for reuse: touching
    184 MB of new memory costs twice as much as filling it, and the next turn of a
    conversation finds most of its KV still in the lane of the last one."""

    def __init__(self, cache: KVCache, context: int, device: torch.device) -> None:
        self._cache = cache
        self.context = context
        self._device = device
        self._idle: list[Lane] = []
        self._idle_limit = cache.arena.capacity // 8

    def warm(self) -> int:
        """Make a lane for a whole context and touch as much of it as idle lanes may hold,
        before anybody waits for it. Returns the tokens it has room for; of a device's memory,
        which its own allocator keeps, no lane is made."""
        most = self._idle_limit // self._cache.layout.token_bytes
        tokens = min(self.context, most // STEP * STEP)
        if self._device.type != "cpu":
            return tokens
        lane = Lane(self._cache.layout, self.context, self._device)
        if self.extend(lane, tokens, Scope(""), 0.0):
            lane.kv[:, :, :, : lane.touched].zero_()
            self._idle.append(lane)
        return lane.touched

    def acquire(self, capacity: int, key: bytes, scope: Scope, now: float) -> Lane | None:
        """A lane for ``capacity`` tokens with room reserved for those of ``key``; None if
        the budget has no room now."""
        tokens = len(key) // 4
        fitting = [lane for lane in self._idle if lane.capacity >= capacity]
        if fitting:
            for lane in fitting:
                lane.kept = common(lane.content, key) if lane.scope == scope else 0
            lane = max(fitting, key=lambda lane: (lane.kept, -abs(lane.touched - tokens)))
            self._idle.remove(lane)
        else:
            lane = Lane(self._cache.layout, min(self.context, _round_up(capacity)), self._device)
        lane.scope, lane.content = None, b""
        if self.extend(lane, tokens, scope, now):
            return lane
        self._cache.release(self._bytes(lane))
        return None

    def extend(self, lane: Lane, tokens: int, scope: Scope, now: float) -> bool:
        """Reserve room for the first ``tokens`` tokens; False if there is none now."""
        wanted = min(lane.capacity, _round_up(tokens))
        if wanted <= lane.touched:
            return True
        size = (wanted - lane.touched) * self._cache.layout.token_bytes
        # Memory that nobody uses goes before KV that may be read again.
        while self._idle and self._cache.missing(size):
            self._cache.release(self._bytes(self._idle.pop(0)))
        if not self._cache.reserve(size, scope, now):
            return False
        lane.touched = wanted
        return True

    def release(self, lane: Lane, scope: Scope, content: bytes) -> None:
        """Take a lane back that holds the KV of these packed tokens, as the cache does."""
        lane.scope, lane.content = scope, content
        self._idle.append(lane)
        while self.idle_bytes > self._idle_limit:
            self._cache.release(self._bytes(self._idle.pop(0)))

    @property
    def idle_bytes(self) -> int:
        """Bytes reserved for lanes that nobody uses now."""
        return sum(map(self._bytes, self._idle))

    def _bytes(self, lane: Lane) -> int:
        return lane.touched * self._cache.layout.token_bytes


class ArenaView:
    """The arena's tokens as a tensor, and the two copies between it and a lane."""

    def __init__(self, arena: Arena, layout: KVLayout, page: int) -> None:
        rows = arena.pages * page
        shape = (rows, layout.layers, 2, layout.kv_heads, layout.head_dim)
        count = rows * layout.token_bytes // layout.item_size
        dtype = DTYPES[layout.dtype]
        self._rows = torch.frombuffer(arena.buffer, dtype=dtype, count=count).view(shape)
        planes = layout.layers * 2 * layout.kv_heads
        self._heads = _heads(arena.buffer, layout)[: rows * planes].reshape(rows, planes)
        quarter = -(-planes // 4)
        self._quarters = [slice(low, low + quarter) for low in range(0, planes, quarter)]
        self._most = max(1, 4 * PIECE_BYTES // layout.token_bytes)
        self._copiers = min(MOST_COPIERS, torch.get_num_threads())
        self._pool = ThreadPoolExecutor(max(1, self._copiers - 1), "kv-copy")

    def load(self, lane: Lane, first: int, rows: Rows) -> None:
        """Copy arena rows to the lane's tokens ``first ...``."""
        heads, pieces = lane.heads, _pieces(first, rows, self._most)
        if heads is None:
            for lanes, ours in pieces:
                lane.kv[:, :, :, lanes].copy_(self._rows[ours].permute(1, 2, 3, 0, 4))
            return

        def copy(lanes: slice, ours: slice, planes: slice) -> None:
            np.copyto(heads[planes, lanes], self._heads[ours, planes].T)

        self._copy(pieces, copy)

    def save(self, lane: Lane, first: int, rows: Rows) -> None:
        """Copy the lane's tokens ``first ...`` to arena rows."""
        heads, pieces = lane.heads, _pieces(first, rows, self._most)
        if heads is None:
            for lanes, ours in pieces:
                self._rows[ours].copy_(lane.kv[:, :, :, lanes].permute(3, 0, 1, 2, 4))
            return

        def copy(lanes: slice, ours: slice, planes: slice) -> None:
            np.copyto(self._heads[ours, planes], heads[planes, lanes].T)

        self._copy(pieces, copy)

    def _copy(self, pieces: list[_Piece], copy: Callable[[slice, slice, slice], None]) -> None:
        """Not by torch in host memory: moving a head's bytes as one element is a quarter
        faster, and threads of our own leave its OpenMP team alone."""
        shares = []
        copiers = 1
        for lanes, ours in pieces:
            if ours.stop - ours.start >= self._most // 32:
                shares += [(lanes, ours, planes) for planes in self._quarters]
                copiers = self._copiers
            else:
                shares.append((lanes, ours, slice(None)))
        # One iterator for all: whoever has a core to itself takes more than one that
        # shares it, say with a worker of torch that still spins after its last operation.
        left = iter(shares)

        def work() -> None:
            for share in left:
                copy(*share)

        others = [self._pool.submit(work) for _ in range(1, copiers)]
        work()
        for other in others:
            other.result()


class _Piece(NamedTuple):
    """The same tokens of a lane and in the arena."""

    lane: slice
    rows: slice


def _heads(memory: mmap.mmap, layout: KVLayout) -> Heads:
    width = layout.head_dim * layout.item_size
    return np.frombuffer(memory, f"V{width}", len(memory) // width)


def _round_up(tokens: int) -> int:
    return -(-tokens // STEP) * STEP


def _pieces(first: int, rows: Rows, most: int) -> list[_Piece]:
    """Runs of consecutive rows, cut into pieces of at most ``most`` tokens."""
    if not len(rows):
        return []
    cuts = [0, *((rows[1:] - rows[:-1] != 1).nonzero()[0] + 1).tolist(), len(rows)]
    pieces = []
    for low, high in pairwise(cuts):
        for start in range(low, high, most):
            stop, row = min(high, start + most), int(rows[start])
            lane = slice(first + start, first + stop)
            pieces.append(_Piece(lane, slice(row, row + stop - start)))
    return pieces
