from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from headstart.engine import lanes as module
from headstart.engine.lanes import STEP, ArenaView, Lane, LanePool
from headstart.kv import Arena, KVCache, KVLayout
from headstart.prefix import Scope

LAYOUT = KVLayout(2, 3, 4, "float32", (None, None))
SIZE = LAYOUT.token_bytes
CPU = torch.device("cpu")
A = Scope("a")


def filled(tokens: int) -> Lane:
    lane = Lane(LAYOUT, tokens, CPU)
    lane.kv.copy_(torch.randn(lane.kv.shape))
    return lane


@pytest.mark.parametrize("piece", [1, 3, 1000])
@pytest.mark.parametrize("mapped", [True, False], ids=["host memory", "a device's"])
def test_kv_comes_back_from_any_rows(
    monkeypatch: pytest.MonkeyPatch, piece: int, mapped: bool
) -> None:
    monkeypatch.setattr(module, "PIECE_BYTES", piece * SIZE)
    arena = Arena(100 * SIZE, SIZE)
    view = ArenaView(arena, LAYOUT, 1)
    lane, back = filled(40), filled(64)
    if not mapped:
        lane.heads = back.heads = None
    untouched = back.kv.clone()
    rows = np.array(random.Random(1).sample(range(100), 20) + list(range(80, 90)), dtype=np.int64)
    rows = rows[np.sort(np.unique(rows, return_index=True)[1])]
    view.save(lane, 5, rows)
    view.load(back, 30, rows)
    end = 30 + len(rows)
    assert torch.equal(back.kv[:, :, :, 30:end], lane.kv[:, :, :, 5 : 5 + len(rows)])
    assert torch.equal(back.kv[:, :, :, :30], untouched[:, :, :, :30])
    assert torch.equal(back.kv[:, :, :, end:], untouched[:, :, :, end:])


def test_a_tokens_kv_is_one_run_of_bytes() -> None:
    """Layer by layer, keys before values, head by head, as the layout has it."""
    arena = Arena(10 * SIZE, SIZE)
    lane = filled(4)
    ArenaView(arena, LAYOUT, 1).save(lane, 2, np.array([7]))
    row = np.frombuffer(arena.buffer[7 * SIZE : 8 * SIZE], dtype=np.float32)
    expected = [
        lane.kv[layer, kind, head, 2]
        for layer in range(2)
        for kind in range(2)
        for head in range(3)
    ]
    assert np.array_equal(row, torch.cat(expected).numpy())


def test_no_rows_copy_nothing() -> None:
    arena = Arena(10 * SIZE, SIZE)
    lane = filled(4)
    before = lane.kv.clone()
    ArenaView(arena, LAYOUT, 1).load(lane, 0, np.array([], dtype=np.int64))
    assert torch.equal(lane.kv, before)


def packed(*tokens: int) -> bytes:
    return np.array(tokens, dtype=np.uint32).tobytes()


def pool(tokens: int) -> tuple[KVCache, LanePool]:
    cache = KVCache(LAYOUT, tokens * SIZE)
    return cache, LanePool(cache, tokens, CPU)


def take(lanes: LanePool, capacity: int, tokens: int, first: int = 0) -> Lane | None:
    """A lane for a request of these many tokens."""
    return lanes.acquire(capacity, packed(*range(first, first + tokens)), A, 0.0)


def test_a_lane_takes_room_as_its_tokens_come() -> None:
    cache, lanes = pool(16 * STEP)
    lane = take(lanes, 4 * STEP, STEP)
    assert lane is not None
    assert lane.capacity >= 4 * STEP
    assert cache.stats().running_bytes == STEP * SIZE
    assert lanes.extend(lane, STEP + 1, A, 0.0)
    assert cache.stats().running_bytes == 2 * STEP * SIZE
    lanes.release(lane, A, b"")
    assert cache.stats().running_bytes == lanes.idle_bytes


def test_without_room_there_is_no_lane_and_nothing_is_kept() -> None:
    cache, lanes = pool(4 * STEP)
    assert take(lanes, 3 * STEP, 3 * STEP) is not None
    assert take(lanes, 2 * STEP, 2 * STEP) is None
    assert cache.stats().running_bytes == 3 * STEP * SIZE


def test_idle_lanes_stay_below_an_eighth_of_the_budget() -> None:
    cache, lanes = pool(64 * STEP)
    for lane in [take(lanes, 4 * STEP, 4 * STEP) for _ in range(6)]:
        assert lane is not None
        lanes.release(lane, A, b"")
    assert lanes.idle_bytes == cache.stats().running_bytes == 8 * STEP * SIZE


def test_an_idle_lane_is_used_again() -> None:
    _, lanes = pool(64 * STEP)
    lane = take(lanes, 4 * STEP, 2 * STEP)
    assert lane is not None
    lanes.release(lane, A, b"")
    assert take(lanes, 3 * STEP, STEP) is lane
    assert lanes.idle_bytes == 0


def test_a_lane_is_made_ahead_for_the_first_request() -> None:
    cache, lanes = pool(64 * STEP)
    assert lanes.warm() == 8 * STEP
    assert cache.stats().running_bytes == lanes.idle_bytes == 8 * STEP * SIZE
    lane = take(lanes, 64 * STEP, 8 * STEP)
    assert lane is not None
    assert lane.capacity == 64 * STEP
    assert lanes.idle_bytes == 0
    assert cache.stats().running_bytes == 8 * STEP * SIZE


def test_a_budget_too_small_for_idle_lanes_makes_none_ahead() -> None:
    cache, lanes = pool(4 * STEP)
    assert lanes.warm() == 0
    assert cache.stats().running_bytes == 0
    assert take(lanes, 4 * STEP, 4 * STEP) is not None


def test_the_lane_that_holds_most_of_the_prompt_is_taken() -> None:
    _, lanes = pool(64 * STEP)
    one, two, three = (take(lanes, STEP, 50) for _ in range(3))
    assert one is not None
    assert two is not None
    assert three is not None
    lanes.release(one, A, packed(0, 1, 9))
    lanes.release(two, A, packed(0, 1, 2, 3, 9))
    lanes.release(three, Scope("b"), packed(*range(50)))
    assert take(lanes, STEP, 50) is two
    assert two.kept == 4
    assert take(lanes, STEP, 50) is one
    assert one.kept == 2
    other = take(lanes, STEP, 50)
    assert other is three
    assert other.kept == 0, "another tenant's KV was kept"


def test_idle_lanes_go_before_cached_kv() -> None:
    cache, lanes = pool(16 * STEP)
    lane = take(lanes, STEP, STEP)
    assert lane is not None
    lanes.release(lane, A, b"")
    key = packed(*range(10 * STEP))
    assert cache.store(key, A, 1.0, lambda first, rows: None) == 10 * STEP
    assert take(lanes, 6 * STEP, 6 * STEP) is not None
    assert lanes.idle_bytes == 0
    assert cache.stats().evicted_tokens == 0
