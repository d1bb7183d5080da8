"""The engine as its users have it: a thread of its own, tickets, closing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from headstart.engine import Engine, EngineClosed, EngineError, PromptTooLong
from headstart.engine.contract import Chat, Event, Lease, Started
from tests.engine.conftest import EngineMaker
from tests.engine.rig import Spy, ask, generation, some_tokens

SpyMaker = Callable[[Engine], Spy]


def settled(engine: Engine) -> bool:
    """True once the engine's thread has seen what was cancelled."""
    for _ in range(2_000):
        stats = engine.stats()
        if not stats.requests_running and not stats.requests_waiting:
            return True
        time.sleep(0.005)
    return False


def test_what_it_tells_of_itself(open_engine: EngineMaker) -> None:
    info = open_engine().info
    assert (info.id, info.context, info.dtype, info.device) == ("tiny", 2048, "float32", "cpu")
    assert info.kv_bytes_per_token == 2 * 2 * 2 * 16 * 4


def test_stats_count_what_the_cache_holds(open_engine: EngineMaker) -> None:
    engine = open_engine()
    ask(engine, some_tokens(1, 40), max_tokens=6).wait()
    assert settled(engine)
    stats = engine.stats()
    assert stats.cached_tokens == 45
    assert stats.cached_bytes == 45 * engine.info.kv_bytes_per_token
    assert (stats.requests_running, stats.running_bytes, stats.preempted) == (0, 0, 0)


def test_the_same_seed_gives_the_same_text(open_engine: EngineMaker) -> None:
    engine = open_engine()
    prompt = some_tokens(1, 30)

    def text(seed: int | None) -> str:
        sampling = {"temperature": 1.0, "top_p": 0.95, "max_tokens": 20, "seed": seed}
        return ask(engine, prompt, **sampling).wait().text

    assert text(7) == text(7)
    assert len({text(seed) for seed in range(5)}) > 1
    assert len({text(None) for _ in range(5)}) > 1


def test_without_a_limit_it_runs_to_the_contexts_end(open_engine: EngineMaker) -> None:
    engine = open_engine()
    reply = ask(engine, some_tokens(1, 2000), max_tokens=None).wait()
    assert reply.finished.reason in ("length", "stop")
    if reply.finished.reason == "length":
        assert reply.finished.output_tokens == 48


@pytest.mark.parametrize(("prompt", "wanted"), [(2049, 0), (2048, 1), (2000, 49), (2048, None)])
def test_beyond_the_context_both_counts_are_told(
    prompt: int, wanted: int | None, open_engine: EngineMaker
) -> None:
    engine = open_engine()
    with pytest.raises(PromptTooLong) as failure:
        ask(engine, [7] * prompt, max_tokens=wanted)
    assert f"{prompt} tokens" in str(failure.value)
    assert "2048 tokens" in str(failure.value)


def test_the_context_is_what_the_memory_allows(open_engine: EngineMaker) -> None:
    engine = open_engine(cache_memory=300 * 512, chunk=16)
    assert engine.info.context == 300
    with pytest.raises(PromptTooLong, match="301 tokens"):
        ask(engine, [7] * 301)
    assert ask(engine, some_tokens(1, 295), max_tokens=5).wait().finished.output_tokens == 5


def test_an_accepted_prompt_has_room_whatever_other_tenants_hold(open_engine: EngineMaker) -> None:
    engine = open_engine(cache_memory=600 * 512, chunk=16, tenants=2)
    for n in range(4):
        ask(engine, some_tokens(n, 250), "a", max_tokens=0).wait()
    longest = some_tokens(9, engine.info.context)
    assert engine.info.context >= 300
    assert ask(engine, longest, "b", max_tokens=0).wait().finished.prompt_tokens == len(longest)


def test_an_empty_prompt_is_refused(open_engine: EngineMaker) -> None:
    with pytest.raises(EngineError, match="empty"):
        ask(open_engine(), [])


# Leaving


def test_cancelling_frees_all_of_it(open_engine: EngineMaker) -> None:
    engine = open_engine(max_running=2)
    decoding = ask(engine, some_tokens(1, 20), max_tokens=1500)
    while not decoding.started:
        time.sleep(0.001)
    prefilling = ask(engine, some_tokens(2, 1900), max_tokens=5)
    waiting = ask(engine, some_tokens(3, 30), max_tokens=5)
    for reply in (waiting, prefilling, decoding):
        assert reply.ticket is not None
        reply.ticket.cancel()
        reply.ticket.cancel()
    assert settled(engine)
    assert engine.stats().running_bytes == 0
    assert waiting.events == []
    assert not decoding.over
    assert ask(engine, some_tokens(4, 20)).wait().finished.output_tokens == 4


def test_cancelling_what_is_over_does_nothing(open_engine: EngineMaker) -> None:
    engine = open_engine()
    reply = ask(engine, some_tokens(1, 20)).wait()
    assert reply.ticket is not None
    reply.ticket.cancel()
    assert ask(engine, some_tokens(1, 20)).wait().finished.read == 19


def test_a_ticket_may_be_cancelled_from_its_own_event(open_engine: EngineMaker) -> None:
    engine = open_engine()
    told: list[Event] = []
    ready = threading.Event()

    def on_event(event: Event) -> None:
        assert ready.wait(30)
        told.append(event)
        ticket.cancel()

    ticket = engine.submit(generation(some_tokens(2, 30), max_tokens=900), on_event)
    ready.set()
    assert settled(engine)
    assert told == [Started(30, 0)]


# Failing


def test_a_failing_pass_fails_the_requests_and_the_engine_goes_on(
    open_engine: EngineMaker, spy_on: SpyMaker
) -> None:
    engine = open_engine()
    spy = spy_on(engine)
    running = ask(engine, some_tokens(1, 20), max_tokens=1500)
    while not running.started:
        time.sleep(0.001)

    def fail() -> None:
        spy.before = lambda: None
        raise RuntimeError("device lost at 0xdead")

    spy.before = fail
    error = running.wait().error
    assert type(error) is EngineError
    assert "0xdead" not in str(error)
    assert settled(engine)
    assert engine.stats().running_bytes == 0
    assert ask(engine, some_tokens(2, 20)).wait().finished.output_tokens == 4


# Closing


def test_closing_without_grace_fails_what_runs(open_engine: EngineMaker) -> None:
    engine = open_engine()
    reply = ask(engine, some_tokens(1, 20), max_tokens=1500)
    while not reply.started:
        time.sleep(0.001)
    engine.close()
    assert isinstance(reply.error, EngineClosed)
    assert not engine._thread.is_alive  # type: ignore[attr-defined]


def test_closing_with_grace_lets_it_finish(open_engine: EngineMaker) -> None:
    engine = open_engine()
    replies = [ask(engine, some_tokens(n, 20), max_tokens=60) for n in range(3)]
    engine.close(grace=60)
    assert [reply.finished.output_tokens for reply in replies] == [60, 60, 60]


def test_a_second_close_can_cut_the_grace_short(open_engine: EngineMaker) -> None:
    engine = open_engine()
    reply = ask(engine, some_tokens(1, 20), max_tokens=2000)
    patient = threading.Thread(target=engine.close, args=(600,))
    patient.start()
    while not reply.started:
        time.sleep(0.001)
    with pytest.raises(EngineClosed):
        ask(engine, some_tokens(2, 20))
    engine.close()
    patient.join(30)
    assert not patient.is_alive()
    assert isinstance(reply.error, EngineClosed)


def test_nothing_is_taken_after_closing(open_engine: EngineMaker) -> None:
    engine = open_engine()
    engine.close()
    with pytest.raises(EngineClosed):
        ask(engine, some_tokens(1, 20))
    engine.close()


# Many at once


def test_sixty_four_clients_from_eight_threads(open_engine: EngineMaker) -> None:
    """Encoding and submitting from many threads while the model runs; memory stays bounded."""
    engine = open_engine(cache_memory=1500 * 512, max_running=8)
    about = "The quick brown fox jumps over the lazy dog. " * 3

    def client(number: int) -> tuple[int, int, int]:
        messages = [{"role": "user", "parts": [about, f"Question {number}: héllo 🙂?"]}]
        prompt = engine.encode(Chat(messages)).tokens
        reply = ask(engine, prompt, f"t{number % 2}", max_tokens=8, leases=[Lease(20, 5.0)])
        finished = reply.wait().finished
        stats = engine.stats()
        assert stats.cached_bytes + stats.running_bytes <= stats.capacity_bytes
        return finished.prompt_tokens, finished.read, len(prompt)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(client, range(64)))
    assert all(told == real and read < real for told, read, real in results)
    assert sum(read for _, read, _ in results) > 50 * 30
    assert settled(engine)
    assert engine.stats().running_bytes == 0
