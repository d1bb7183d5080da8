from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from headstart.integrations.stagger import staggered, staggered_threads

WAIT = 20
"""Seconds after which a test that hangs fails."""


class Boom(Exception):
    pass


def run(main: Awaitable[object]) -> object:
    async def bounded() -> object:
        return await asyncio.wait_for(main, WAIT)

    return asyncio.run(bounded())


class Calls:
    """Async calls that note their start and end only when they are let."""

    def __init__(self, count: int, failing: tuple[int, ...] = ()) -> None:
        self.started: list[int] = []
        self.cancelled: list[int] = []
        self.gates = [asyncio.Event() for _ in range(count)]
        self.failing = failing

    def all(self) -> list[Callable[[], Awaitable[int]]]:
        return [self.call(index) for index in range(len(self.gates))]

    def call(self, index: int) -> Callable[[], Awaitable[int]]:
        async def called() -> int:
            self.started.append(index)
            try:
                await self.gates[index].wait()
            except asyncio.CancelledError:
                self.cancelled.append(index)
                raise
            if index in self.failing:
                raise Boom(index)
            return index * 10

        return called

    def let_all(self) -> None:
        for gate in self.gates:
            gate.set()


async def settled() -> None:
    """Every task has gone as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_the_rest_waits_for_the_leader() -> None:
    async def main() -> None:
        calls = Calls(3)
        task = asyncio.ensure_future(staggered(calls.all()))
        await settled()
        assert calls.started == [0]
        calls.gates[0].set()
        await settled()
        assert calls.started == [0, 1, 2]
        calls.gates[2].set()
        calls.gates[1].set()
        assert await task == [0, 10, 20]

    run(main())


def test_the_first_byte_lets_the_rest_go() -> None:
    async def main() -> None:
        calls, begun = Calls(3), asyncio.Event()
        task = asyncio.ensure_future(staggered(calls.all(), first_byte=begun))
        await settled()
        assert calls.started == [0]
        begun.set()
        await settled()
        assert calls.started == [0, 1, 2]
        calls.let_all()
        assert await task == [0, 10, 20]

    run(main())


def test_leaders_that_fail_are_followed_one_by_one() -> None:
    async def main() -> None:
        calls = Calls(4, failing=(0, 1))
        task = asyncio.ensure_future(staggered(calls.all(), return_exceptions=True))
        for index in range(3):
            await settled()
            assert calls.started == list(range(index + 1))
            calls.gates[index].set()
        await settled()
        assert calls.started == [0, 1, 2, 3]
        calls.let_all()
        zero, one, *rest = await task
        assert (repr(zero), repr(one), rest) == ("Boom(0)", "Boom(1)", [20, 30])

    run(main())


def test_a_failure_is_raised_and_the_others_go_on() -> None:
    async def main() -> None:
        calls = Calls(3, failing=(1,))
        task = asyncio.ensure_future(staggered(calls.all()))
        calls.gates[0].set()
        calls.gates[1].set()
        with pytest.raises(Boom, match="1"):
            await task
        assert calls.started == [0, 1, 2]
        await settled()
        assert calls.cancelled == []
        calls.let_all()

    run(main())


def test_a_leader_that_takes_too_long_is_not_waited_for() -> None:
    async def main() -> None:
        calls = Calls(3)
        task = asyncio.ensure_future(staggered(calls.all(), limit=0.01))
        while len(calls.started) < 3:
            await asyncio.sleep(0.001)
        calls.let_all()
        assert await task == [0, 10, 20]

    run(main())


@pytest.mark.parametrize("leading", [True, False])
def test_cancelling_cancels_what_runs(leading: bool) -> None:
    async def main() -> None:
        calls = Calls(3)
        task = asyncio.ensure_future(staggered(calls.all()))
        await settled()
        if not leading:
            calls.gates[0].set()
            await settled()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert calls.cancelled == ([0] if leading else [1, 2])
        assert calls.started == ([0] if leading else [0, 1, 2])
        await settled()
        # This one and the one that bounds it.
        assert len(asyncio.all_tasks()) <= 2

    run(main())


def test_no_calls_no_results() -> None:
    assert run(staggered([])) == []
    assert staggered_threads([]) == []


class Threads:
    """Calls on threads, each of which ends when it is let."""

    def __init__(self, count: int, failing: tuple[int, ...] = ()) -> None:
        self.started = [threading.Event() for _ in range(count)]
        self.gates = [threading.Event() for _ in range(count)]
        self.failing = failing
        self.calls = [self.call(i) for i in range(count)]

    def call(self, index: int) -> Callable[[], int]:
        def called() -> int:
            self.started[index].set()
            assert self.gates[index].wait(WAIT)
            if index in self.failing:
                raise Boom(index)
            return index * 10

        return called

    def begin(self, **options: object) -> tuple[threading.Thread, list[object]]:
        found: list[object] = []

        def body() -> None:
            try:
                found.extend(staggered_threads(self.calls, **options))  # type: ignore[call-overload]
            except Boom as boom:
                found.append(boom)

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        return thread, found

    def running(self) -> list[int]:
        return [i for i, event in enumerate(self.started) if event.is_set()]

    def let_all(self) -> None:
        for gate in self.gates:
            gate.set()


def ended(thread: threading.Thread) -> bool:
    thread.join(WAIT)
    return not thread.is_alive()


def test_threads_wait_for_the_leader() -> None:
    threads = Threads(3)
    thread, found = threads.begin()
    assert threads.started[0].wait(WAIT)
    assert threads.running() == [0]
    threads.gates[0].set()
    assert threads.started[1].wait(WAIT)
    assert threads.started[2].wait(WAIT)
    threads.let_all()
    assert ended(thread)
    assert found == [0, 10, 20]


def test_threads_go_on_at_the_first_byte() -> None:
    threads, begun = Threads(3), threading.Event()
    thread, found = threads.begin(first_byte=begun)
    assert threads.started[0].wait(WAIT)
    assert threads.running() == [0]
    begun.set()
    assert threads.started[2].wait(WAIT)
    assert not threads.gates[0].is_set()
    threads.let_all()
    assert ended(thread)
    assert found == [0, 10, 20]


def test_threads_whose_leader_fails() -> None:
    threads = Threads(4, failing=(0, 1))
    thread, found = threads.begin(return_exceptions=True)
    for index in range(3):
        assert threads.started[index].wait(WAIT)
        assert threads.running() == list(range(index + 1))
        threads.gates[index].set()
    assert threads.started[3].wait(WAIT)
    threads.let_all()
    assert ended(thread)
    assert [repr(result) for result in found] == ["Boom(0)", "Boom(1)", "20", "30"]


def test_threads_raise_the_first_failure() -> None:
    threads = Threads(3, failing=(1,))
    thread, found = threads.begin()
    threads.gates[0].set()
    threads.gates[1].set()
    assert ended(thread)
    assert [repr(result) for result in found] == ["Boom(1)"]
    assert threads.started[2].wait(WAIT)
    threads.let_all()


def test_threads_do_not_wait_longer_than_the_limit() -> None:
    threads = Threads(3)
    thread, found = threads.begin(limit=0.01)
    assert threads.started[2].wait(WAIT)
    threads.let_all()
    assert ended(thread)
    assert found == [0, 10, 20]


def test_no_more_calls_at_a_time_than_workers() -> None:
    threads = Threads(4)
    thread, found = threads.begin(workers=2)
    threads.gates[0].set()
    assert threads.started[1].wait(WAIT)
    assert threads.started[2].wait(WAIT)
    assert threads.running() == [0, 1, 2]
    threads.gates[2].set()
    assert threads.started[3].wait(WAIT)
    threads.let_all()
    assert ended(thread)
    assert found == [0, 10, 20, 30]
