"""Exact mode: a hit's numbers are those of a miss, bit for bit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from headstart.engine import Engine, load
from tests.engine.conftest import EngineMaker, RigMaker
from tests.engine.rig import Call, Reply, Spy, ask, some_tokens

CHUNK = 16
THREADS = 2
SpyMaker = Callable[[Engine], Spy]
Chunks = dict[tuple[int, tuple[int, ...]], Call]


def run(engine: Engine, spy: Spy, prompt: list[int], tenant: str, **kwargs: Any) -> Reply:
    """One request, alone; the spy then holds its calls only."""
    spy.calls.clear()
    return ask(engine, prompt, tenant, **{"max_tokens": 1, **kwargs}).wait()


def assert_same_bits(prompt: list[int], read: int, chunk: int, hit: Chunks, miss: Chunks) -> None:
    """Hidden states and logits of every prompt position that was computed."""
    for start in range(read, len(prompt), chunk):
        where = (start, tuple(prompt[start : start + chunk]))
        assert torch.equal(hit[where].hidden, miss[where].hidden), f"chunk at {start}"
        assert torch.equal(hit[where].logits, miss[where].logits), f"chunk at {start}"


def check_hit_after(
    engine: Engine, spy: Spy, prompt: list[int], common: int, chunk: int, case: int
) -> None:
    """A tenant who sent the first ``common`` tokens before gets what one who did not gets."""
    sampling = {"temperature": 0.8, "seed": 5, "max_tokens": 1 + case % 3 * 25}
    miss = run(engine, spy, prompt, f"miss-{case}", **sampling)
    expected = spy.by_chunk()
    tail = some_tokens(10_000 + case, 1 + case % 40)
    run(engine, spy, prompt[:common] + tail, f"hit-{case}")
    hit = run(engine, spy, prompt, f"hit-{case}", **{**sampling, "max_tokens": 1})
    assert miss.finished.read == 0
    assert hit.finished.read == min(common, len(prompt) - 1) // chunk * chunk
    assert_same_bits(prompt, hit.finished.read, chunk, spy.by_chunk(), expected)
    assert miss.text.startswith(hit.text)
    fresh = sum(len(call.tokens) for call in spy.calls)
    assert fresh == len(prompt) - hit.finished.read


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_at_every_length_modulo_the_chunk(
    dtype: str, open_engine: EngineMaker, spy_on: SpyMaker
) -> None:
    engine = open_engine(exact=True, chunk=CHUNK, dtype=dtype)
    spy = spy_on(engine)
    for rest in range(CHUNK):
        prompt = some_tokens(rest, 3 * CHUNK + rest)
        check_hit_after(engine, spy, prompt, 2 * CHUNK + rest, CHUNK, rest)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_at_random_split_points(dtype: str, open_engine: EngineMaker, spy_on: SpyMaker) -> None:
    engine = open_engine(exact=True, chunk=CHUNK, dtype=dtype)
    spy = spy_on(engine)
    source = random.Random(3)
    for case in range(10):
        prompt = some_tokens(100 + case, source.randint(1, 200))
        check_hit_after(engine, spy, prompt, source.randint(0, len(prompt)), CHUNK, case)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_under_concurrent_load(dtype: str, open_engine: EngineMaker, spy_on: SpyMaker) -> None:
    engine = open_engine(exact=True, chunk=CHUNK, dtype=dtype)
    spy = spy_on(engine)
    shared = some_tokens(1, 70)
    prompts = [shared + some_tokens(2 + n, 30 + 7 * n) for n in range(8)]
    expected: Chunks = {}
    firsts = []
    for n, prompt in enumerate(prompts):
        firsts.append(run(engine, spy, prompt, f"alone-{n}").text)
        expected.update(spy.by_chunk())
    run(engine, spy, shared, "load")
    others = [ask(engine, some_tokens(50 + n, 20), "load", max_tokens=400) for n in range(3)]
    while not all(reply.started for reply in others):
        time.sleep(0.001)
    spy.calls.clear()
    replies = [ask(engine, prompt, "load", max_tokens=3 + n) for n, prompt in enumerate(prompts)]
    for reply in replies:
        reply.wait()
    order = [len(call.spans) > 1 for call in spy.calls]
    assert not any(reply.over for reply in others), "nothing was decoding by the end"
    assert sum(order) > 8, "nothing was decoding meanwhile"
    for prompt, reply, first in zip(prompts, replies, firsts, strict=True):
        assert reply.finished.read == 64
        assert_same_bits(prompt, 64, CHUNK, spy.by_chunk(), expected)
        assert reply.text.startswith(first)
    for reply in others:
        assert reply.ticket is not None
        reply.ticket.cancel()


def test_kv_made_while_decoding_is_not_reused(make_rig: RigMaker) -> None:
    rig = make_rig(exact=True, chunk=CHUNK)
    prompt = some_tokens(1, 40)
    first = rig.answer(prompt, max_tokens=30)
    second = rig.answer(prompt + first.output + some_tokens(2, 5))
    assert second.finished.read == 32


def test_whole_chunks_only_are_held(make_rig: RigMaker) -> None:
    rig = make_rig(exact=True, chunk=CHUNK)
    rig.answer(some_tokens(1, 5 * CHUNK + 3))
    assert rig.cache.stats().cached_tokens == 5 * CHUNK


def test_requests_that_arrive_together_compute_whole_chunks_once(make_rig: RigMaker) -> None:
    rig = make_rig(exact=True, chunk=CHUNK)
    shared = some_tokens(1, 70)
    prompts = [shared + some_tokens(2 + n, 20) for n in range(4)]
    tasks = [rig.add(prompt) for prompt in prompts]
    rig.run()
    assert [task.finished.read for task in tasks] == [0, 64, 64, 64]
    fresh = sum(len(call.tokens) for call in rig.spy.prefills)
    assert fresh == 90 + 3 * (90 - 64)


@pytest.mark.timeout(120)
def test_the_built_in_model_in_bfloat16(spy_on: SpyMaker) -> None:
    engine = load(cache_memory=64 << 20, chunk=128, exact=True)
    try:
        spy = spy_on(engine)
        check_hit_after(engine, spy, some_tokens(1, 300), 290, 128, case=0)
        check_hit_after(engine, spy, some_tokens(2, 257), 200, 128, case=3)
    finally:
        engine.close()
