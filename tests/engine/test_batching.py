"""Who runs in which forward pass, by the order of passes; no clock."""

from __future__ import annotations

import itertools
import time
from itertools import groupby, pairwise
from types import SimpleNamespace

import pytest

from headstart.engine import stepper
from tests.engine.conftest import RigMaker
from tests.engine.rig import some_tokens

CHUNK = 16


def test_requests_decode_in_one_pass(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    tasks = [rig.add(some_tokens(n, 10 + n), max_tokens=20) for n in range(6)]
    rig.until(lambda: all(task.started for task in tasks))
    rig.spy.calls.clear()
    rig.run()
    assert len(rig.spy.calls[0].spans) == 6
    assert [len(call.spans) for call in rig.spy.calls] == sorted(
        (len(call.spans) for call in rig.spy.calls), reverse=True
    )
    assert len(rig.spy.calls) < 20, "they did not decode together"


def test_a_batch_gives_what_each_gives_alone(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    prompts = [some_tokens(n, 5 + 17 * n) for n in range(6)]
    tasks = [rig.add(prompt, tenant="batch", max_tokens=15) for prompt in prompts]
    rig.run()
    for n, (prompt, task) in enumerate(zip(prompts, tasks, strict=True)):
        assert rig.answer(prompt, tenant=f"alone-{n}", max_tokens=15).output == task.output


def test_a_long_prefill_stalls_streams_for_one_chunk_at_most(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    streams = [rig.add(some_tokens(n, 10), max_tokens=200) for n in range(2)]
    rig.until(lambda: all(stream.started for stream in streams))
    rig.spy.calls.clear()
    long = rig.add(some_tokens(9, 20 * CHUNK + 5), max_tokens=1)
    rig.until(lambda: long.over)
    runs = [(kind, len(list(calls))) for kind, calls in groupby(c.decoding for c in rig.spy.calls)]
    assert all(length == 1 for decoding, length in runs if not decoding)
    assert sum(not decoding for decoding, _ in runs) == 21
    assert all(len(c.tokens) <= CHUNK for c in rig.spy.calls)
    assert not any(stream.over for stream in streams)


def test_streams_get_their_turn_even_if_their_time_is_up(
    make_rig: RigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a chunk and the next look at the clock anything may take long."""
    rig = make_rig(chunk=CHUNK)
    stream = rig.add(some_tokens(1, 10), max_tokens=200)
    rig.until(lambda: stream.started)
    rig.spy.calls.clear()
    clock = itertools.count(int(time.monotonic()) + 1_000)
    late = SimpleNamespace(monotonic=clock.__next__, time=time.time)
    monkeypatch.setattr(stepper, "time", late)
    long = rig.add(some_tokens(2, 10 * CHUNK), max_tokens=1)
    rig.until(lambda: long.over)
    order = [call.decoding for call in rig.spy.calls]
    assert (False, False) not in pairwise(order)
    assert order.count(False) == 10


def test_the_prefill_goes_on_while_others_decode(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    streams = [rig.add(some_tokens(n, 10), max_tokens=1500) for n in range(2)]
    rig.until(lambda: all(stream.started for stream in streams))
    long = rig.add(some_tokens(9, 5 * CHUNK), max_tokens=1)
    rig.until(lambda: long.over)
    assert not any(stream.over for stream in streams)


def test_a_short_hit_overtakes_long_cold_prompts(make_rig: RigMaker) -> None:
    """All begin with the same few tokens, as prompts of one chat template do."""
    rig = make_rig(chunk=CHUNK)
    opening = some_tokens(1, 3)
    known = opening + some_tokens(2, 60)
    rig.answer(known)
    cold = [rig.add(opening + some_tokens(10 + n, 40 * CHUNK)) for n in range(3)]
    rig.until(lambda: cold[0].request.done > 2 * CHUNK)
    rig.spy.calls.clear()
    hit = rig.add(known + some_tokens(3, 5))
    rig.until(lambda: hit.started)
    assert hit.request.read == 63
    assert len(rig.spy.prefills) <= 2
    assert not any(task.started for task in cold)


def test_a_short_prompt_overtakes_even_if_it_waits_for_another(make_rig: RigMaker) -> None:
    """It shares an uncached opening with a prompt that is itself not first in line."""
    rig = make_rig(chunk=CHUNK)
    opening = some_tokens(1, CHUNK)
    oldest = rig.add(some_tokens(2, 60 * CHUNK))
    rig.until(lambda: oldest.request.done > 0)
    rig.add(opening + some_tokens(3, 70 * CHUNK))
    short = rig.add(opening + some_tokens(4, 4))
    rig.spy.calls.clear()
    rig.until(lambda: short.started)
    assert len(rig.spy.prefills) <= 4
    assert short.request.read == CHUNK


def test_a_long_prompt_gets_through_a_stream_of_short_ones(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    long = rig.add(some_tokens(1, 10 * CHUNK))
    for n in range(30):
        rig.add(some_tokens(100 + n, 12), max_tokens=1)
        rig.stepper.step()
    rig.until(lambda: long.started)
    assert len([c for c in rig.spy.calls if len(c.tokens) == 12]) <= 30


def test_chunks_end_at_absolute_boundaries_whatever_was_cached(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    prompt = some_tokens(1, 70)
    rig.answer(prompt[:21])
    rig.spy.calls.clear()
    rig.answer(prompt)
    ends = [start + count for call in rig.spy.prefills for start, count in call.spans]
    assert ends == [32, 48, 64, 70]


def test_no_more_than_max_running_hold_a_lane(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK, max_running=3)
    tasks = [rig.add(some_tokens(n, 20), max_tokens=5) for n in range(7)]
    most = 0
    while not rig.stepper.idle:
        rig.stepper.step()
        most = max(most, sum(task.request.lane is not None for task in tasks))
    assert most == 3
    assert all(task.finished.output_tokens == 5 for task in tasks)
