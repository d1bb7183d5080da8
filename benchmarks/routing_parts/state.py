"""What routing's state costs: bytes a cached block, events a second, time a decision."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from headstart.planner.affinity import Affinity, Asked, BlockIndex, HistoryTree
from headstart.server.replicas.wire import Stored, decoded


class State(NamedTuple):
    """Measured on one core."""

    history_bytes: float
    """Of memory for each piece of a prompt that a replica is taken to hold."""
    index_bytes: float
    """Of memory for each block that a replica says it holds, held by two."""
    events_a_second: float
    """Blocks stored and removed again, from the messages' bytes on, one core."""
    decision_us: dict[int, float]
    """By number of replicas: a decision and its entry, 64 conversations of 16,000 tokens."""


def measured(replicas: tuple[int, ...], blocks: int) -> State:
    """``blocks`` are held in each measurement of memory."""
    return State(
        _bytes(lambda: _history(blocks)) / blocks,
        _bytes(lambda: _index(blocks)) / blocks,
        _events(blocks),
        {count: _decision(count) for count in replicas},
    )


def _bytes(make: Callable[[], object]) -> float:
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return size


def _history(blocks: int) -> HistoryTree:
    """Conversations of 10 turns, 32 pieces each, on 4 replicas."""
    tree, held, serial = HistoryTree(), 0, 0
    for slot in range(4):
        tree.add(slot, 1 << 40)
    while held < blocks:
        key = b""
        for _ in range(10):
            key += b"".join((serial + n).to_bytes(8, "big") for n in range(32))
            serial += 32
            tree.touch(serial % 4, key, range(64, 8 * len(key) + 1, 64))
            held += 32
    return tree


def _stored(number: int, size: int, count: int) -> list[object]:
    hashes = [(number * count + n).to_bytes(32, "big") for n in range(count)]
    tokens = [(number * 7 + n) % 50_000 for n in range(count * size)]
    return ["BlockStored", hashes, None, tokens, size, None, "GPU"]


def _index(blocks: int, size: int = 16, count: int = 64) -> BlockIndex:
    index = BlockIndex()
    for slot in range(2):
        index.add(slot)
        for number in range(blocks // count // 2):
            (event,) = decoded(msgspec.msgpack.encode([0.0, [_stored(number, size, count)], 0]))
            assert isinstance(event, Stored)
            index.stored(slot, *event)
    return index


def _events(blocks: int, size: int = 16, count: int = 64) -> float:
    index = BlockIndex()
    index.add(0)
    batches = []
    for number in range(blocks // count):
        event = _stored(number, size, count)
        batches.append(msgspec.msgpack.encode([0.0, [event], 0]))
        batches.append(msgspec.msgpack.encode([0.0, [["BlockRemoved", event[1], "GPU"]], 0]))
    since = time.perf_counter()
    for payload in batches:
        for event in decoded(payload):
            if isinstance(event, Stored):
                index.stored(0, *event)
            else:
                index.removed(0, *event)
    return 2 * (blocks // count) * count / (time.perf_counter() - since)


def _decision(replicas: int, turns: int = 20, pieces: int = 250) -> float:
    """Mean µs; every conversation adds a piece each turn, all share a beginning."""
    affinity, took, now = Affinity(), 0.0, 0.0
    for number in range(replicas):
        affinity.add(str(number), 1 << 40)
    common = b"".join(n.to_bytes(8, "big") for n in range(32))
    for turn in range(turns):
        for number in range(64):
            own = b"".join(
                ((number + 1) << 32 | n).to_bytes(8, "big") for n in range(pieces - 32 + turn)
            )
            key = common + own
            asked = Asked(key, range(64, 8 * len(key) + 1, 64), 8 * len(key), key[:8])
            now += 0.01
            since = time.perf_counter()
            choice = affinity.choose(asked, now)
            assert choice is not None
            sent = affinity.sent(choice, asked, now)
            affinity.begun(sent)
            affinity.ended(sent)
            took += time.perf_counter() - since
    return 1e6 * took / (64 * turns)
