"""What a request goes through, and what is left when it is gone."""

from __future__ import annotations

import pytest
from torch import Tensor

from headstart.engine.contract import Delta, EngineError, Lease, Started
from headstart.engine.model import CausalModel
from tests.engine.conftest import RigMaker
from tests.engine.rig import Rig, Task, some_tokens

CHUNK = 16


def test_events_come_in_order(make_rig: RigMaker) -> None:
    rig = make_rig()
    task = rig.answer(some_tokens(1, 30), max_tokens=6)
    started, *deltas, finished = task.events
    assert started == Started(30, 0)
    assert all(isinstance(event, Delta) for event in deltas)
    assert finished == ("length", 30, 0, 6, None)


def test_pre_warming_computes_and_says_nothing(make_rig: RigMaker) -> None:
    rig = make_rig()
    prompt = some_tokens(1, 40)
    task = rig.answer(prompt, max_tokens=0)
    assert task.events == [Started(40, 0), ("length", 40, 0, 0, None)]
    assert rig.answer([*prompt, 500]).finished.read == 40


def test_the_stop_token_ends_it_and_is_not_told(
    make_rig: RigMaker, loaded_tiny: CausalModel
) -> None:
    rig = make_rig()
    plain = rig.answer(some_tokens(1, 30), max_tokens=12)
    place = next(n for n in range(3, 12) if plain.output[n] not in plain.output[:n])
    spared = loaded_tiny.stop_tokens
    loaded_tiny.stop_tokens = spared | {plain.output[place]}
    try:
        task = rig.answer(some_tokens(1, 30), max_tokens=12)
    finally:
        loaded_tiny.stop_tokens = spared
    assert task.finished.reason == "stop"
    assert task.finished.output_tokens == place + 1
    assert task.output == plain.output[: place + 1]
    assert plain.text.startswith(task.text)
    assert len(task.text) < len(plain.text)


def test_a_stop_sequence_ends_it_and_is_not_told(make_rig: RigMaker) -> None:
    rig = make_rig()
    plain = rig.answer(some_tokens(1, 30), max_tokens=20)
    stop = plain.text[10:16]
    before = plain.text[: plain.text.index(stop)]
    task = rig.answer(some_tokens(1, 30), max_tokens=20, stop=["nothing of the kind", stop])
    assert task.text == before
    assert task.finished.reason == "stop_sequence"
    assert task.finished.stop_sequence == stop
    assert task.finished.output_tokens < 20


def test_a_marker_is_a_lease_on_its_prefix(make_rig: RigMaker) -> None:
    rig = make_rig(room=512)
    prompt = some_tokens(1, 100)
    rig.answer(prompt, leases=[Lease(60, 300.0)])
    assert rig.cache.index.size_info("t").leased == 60
    for n in range(12):
        rig.answer(some_tokens(10 + n, 100))
    assert rig.cache.stats().evicted_tokens > 0
    assert rig.answer(prompt).finished.read == 60


# Leaving


def states(rig: Rig) -> dict[str, Task]:
    """A request in each state: waiting, in the middle of its prompt, decoding."""
    decoding = rig.add(some_tokens(1, 20), max_tokens=300)
    rig.until(lambda: decoding.request.output > 3)
    prefilling = rig.add(some_tokens(2, 30 * CHUNK), max_tokens=5)
    rig.until(lambda: prefilling.request.done > 0)
    waiting = rig.add(some_tokens(3, 20), max_tokens=5)
    rig.stepper.step()
    assert waiting.request.lane is None
    assert not prefilling.started
    return {"waiting": waiting, "prefilling": prefilling, "decoding": decoding}


@pytest.mark.parametrize("state", ["waiting", "prefilling", "decoding"])
def test_cancelling_frees_at_the_next_step(state: str, make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK, max_running=2)
    tasks = states(rig)
    gone = tasks.pop(state)
    told = len(gone.events)
    gone.request.cancelled = True
    rig.stepper.step()
    assert gone.request.lane is None
    assert gone.request not in rig.stepper.scheduler.all()
    rig.run()
    assert len(gone.events) == told
    assert all(task.finished for task in tasks.values())
    rig.assert_nothing_left()


def test_cancelling_all_leaves_nothing(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK, max_running=2)
    for task in states(rig).values():
        task.request.cancelled = True
    rig.stepper.step()
    rig.assert_nothing_left()


def test_no_event_follows_a_cancel_during_the_pass(make_rig: RigMaker) -> None:
    rig = make_rig()
    task = rig.add(some_tokens(1, 10))

    def cancel() -> None:
        task.request.cancelled = True

    rig.spy.before = cancel
    rig.run()
    assert task.events == []
    rig.assert_nothing_left()


def test_a_failed_step_leaves_nothing_and_the_next_works(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK, max_running=2)
    tasks = states(rig)
    rig.stepper.abort(EngineError("it broke"))
    assert all(str(task.error) == "it broke" for task in tasks.values())
    rig.assert_nothing_left()
    assert rig.answer(some_tokens(9, 30)).finished.output_tokens == 4


# Memory


def watch_memory(rig: Rig) -> list[int]:
    """Resident bytes at every pass, checked against the budget."""
    seen: list[int] = []

    def look() -> None:
        arena = rig.cache.arena
        seen.append(arena.resident_bytes)
        assert arena.used_bytes + arena.reserved_bytes <= arena.capacity
        assert arena.resident_bytes <= arena.capacity

    rig.spy.before = look
    return seen


def test_more_than_fits_all_finish_within_the_budget(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK, room=640)
    seen = watch_memory(rig)
    tasks = [rig.add(some_tokens(n, 40 + n), max_tokens=60) for n in range(24)]
    rig.run()
    assert [task.finished.output_tokens for task in tasks] == [60] * 24
    assert max(seen) > rig.cache.arena.capacity * 0.8, "there was no pressure"
    assert rig.cache.stats().evicted_tokens > 0
    rig.assert_nothing_left()


def test_a_preempted_request_says_the_same(make_rig: RigMaker) -> None:
    prompts = [some_tokens(n, 50) for n in range(6)]
    calm = make_rig(chunk=CHUNK)
    expected = [calm.add(prompt, max_tokens=120) for prompt in prompts]
    calm.run()
    assert calm.stepper.preempted == 0
    rig = make_rig(chunk=CHUNK, room=512)
    watch_memory(rig)
    tasks = [rig.add(prompt, max_tokens=120) for prompt in prompts]
    rig.run()
    assert rig.stepper.preempted > 0
    for task, calm_task in zip(tasks, expected, strict=True):
        assert task.output == calm_task.output
        assert task.text == calm_task.text
        assert task.finished == calm_task.finished
    rig.assert_nothing_left()


def test_what_was_computed_before_a_preemption_is_not_counted_as_read(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK, room=640)
    old = rig.add(some_tokens(1, 60), max_tokens=500)
    rig.until(lambda: old.started)
    new = rig.add(some_tokens(2, 300), max_tokens=2)
    rig.until(lambda: new.request.done >= 6 * CHUNK)
    # As when the older one grows and finds no room.
    assert rig.stepper.scheduler.preempt(keep=old.request) is new.request
    rig.stepper._release(new.request)
    rig.run()
    assert new.finished.read == 0
    assert old.finished.read == 0


def test_waiting_for_room_costs_the_cache_nothing(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK, room=1024)
    known = some_tokens(1, 60)
    rig.answer(known)
    running = rig.add(some_tokens(2, 300), max_tokens=60)
    rig.until(lambda: running.started)
    waiting = rig.add(some_tokens(3, 800), max_tokens=2)
    for _ in range(5):
        rig.stepper.step()
    assert waiting.request.lane is None
    assert rig.cache.stats().evicted_tokens == 0


def test_room_is_not_made_by_evicting_what_is_about_to_be_read(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK, room=700)
    known = some_tokens(1, 200)
    rig.answer(known, max_tokens=1)
    for n in range(10):
        rig.answer(some_tokens(2 + n, 40), max_tokens=1)
    assert rig.cache.stats().evicted_tokens == 0
    assert rig.answer([*known, 7], max_tokens=1).finished.read == 200


def test_a_prompt_that_others_leave_no_room_for_fails_alone(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK, room=256, tenants=2)
    rig.answer(some_tokens(1, 64), tenant="a")
    task = rig.answer(some_tokens(2, 250), tenant="b")
    assert "no room for this prompt" in str(task.error)
    assert rig.answer(some_tokens(3, 100), tenant="b").finished.output_tokens == 4
    rig.assert_nothing_left()


def test_a_failing_pass_reaches_the_caller(
    make_rig: RigMaker, monkeypatch: pytest.MonkeyPatch, loaded_tiny: CausalModel
) -> None:
    rig = make_rig()
    task = rig.add(some_tokens(1, 10))

    def fail(*_: object) -> Tensor:
        raise RuntimeError("device lost")

    monkeypatch.setattr(loaded_tiny, "forward", fail)
    with pytest.raises(RuntimeError, match="device lost"):
        rig.stepper.step()
    rig.stepper.abort(EngineError("the model failed"))
    assert str(task.error) == "the model failed"
    rig.assert_nothing_left()
