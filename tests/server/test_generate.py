from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from headstart.engine.contract import (
    Delta,
    Encoded,
    EngineClosed,
    EngineError,
    Event,
    Failed,
    Finished,
    Generation,
    Started,
)
from headstart.prefix import Scope
from headstart.server.generate import Running, running
from tests.server.scripted import ScriptedEngine, ScriptedTicket, fail, hang, say

GENERATION = Generation(Encoded([1, 2]), Scope("t"))


async def stay() -> Message:
    """A client that never leaves."""
    await asyncio.Event().wait()
    raise AssertionError


async def leave() -> Message:
    return {"type": "http.disconnect"}


async def drain(run: Running) -> None:
    while not run.over:
        await run.next()


def drive(
    engine: ScriptedEngine, receive: Receive, use: Callable[[Running], Awaitable[None]]
) -> None:
    async def main() -> None:
        async with running(engine, GENERATION, receive) as run:
            await use(run)

    asyncio.run(main())


def test_events_arrive_in_order() -> None:
    texts = [str(number) for number in range(500)]
    seen: list[Event | None] = []

    async def use(run: Running) -> None:
        while not run.over:
            seen.append(await run.next())

    engine = ScriptedEngine(say(*texts))
    drive(engine, stay, use)
    assert [event.text for event in seen if isinstance(event, Delta)] == texts
    assert isinstance(seen[0], Started)
    assert isinstance(seen[-1], Finished)
    assert not engine.tickets[0].cancelled.is_set()


def test_silence_is_told() -> None:
    async def use(run: Running) -> None:
        assert isinstance(await run.next(), Started)
        assert await run.next(0.01) is None
        assert await run.next(0.01) is None

    engine = ScriptedEngine(hang(Started(1, 0)))
    drive(engine, stay, use)
    assert engine.tickets[0].cancelled.is_set()


def test_a_failure_is_raised_and_not_cancelled() -> None:
    async def use(run: Running) -> None:
        await run.next()
        with pytest.raises(EngineError, match="broke"):
            await run.next()

    engine = ScriptedEngine(fail(EngineError("broke"), after=[Started(1, 0)]))
    drive(engine, stay, use)
    assert not engine.tickets[0].cancelled.is_set()


def test_a_client_that_leaves_cancels() -> None:
    async def use(run: Running) -> None:
        left = asyncio.create_task(drain(run))
        with pytest.raises(ClientDisconnect):
            await left

    engine = ScriptedEngine(hang(Started(1, 0)))
    drive(engine, leave, use)
    assert engine.tickets[0].cancelled.is_set()


def test_a_fault_in_the_handler_cancels() -> None:
    async def use(run: Running) -> None:
        raise ZeroDivisionError

    engine = ScriptedEngine(hang())
    with pytest.raises(ZeroDivisionError):
        drive(engine, stay, use)
    assert engine.tickets[0].cancelled.is_set()


def test_a_refusal_to_submit_is_raised() -> None:
    async def use(run: Running) -> None:
        raise AssertionError("not reached")

    engine = ScriptedEngine()
    engine.close()
    with pytest.raises(EngineClosed):
        drive(engine, stay, use)


def test_events_after_the_loop_is_gone_do_no_harm() -> None:
    told: list[BaseException] = []
    tells: list[Callable[[Event], None]] = []

    def script(tell: Callable[[Event], None], ticket: ScriptedTicket) -> None:
        tells.append(tell)
        tell(Started(1, 0))

    async def use(run: Running) -> None:
        await run.next()

    drive(ScriptedEngine(script), stay, use)

    def late() -> None:
        try:
            tells[0](Failed(EngineClosed("late")))
        except BaseException as error:
            told.append(error)

    thread = threading.Thread(target=late)
    thread.start()
    thread.join()
    assert told == []
