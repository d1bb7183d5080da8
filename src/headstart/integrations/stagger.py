"""Parallel calls that share a prompt: one goes first and writes the cache, the rest read it.

Calls sent at the same moment each find the cache empty, and each pay for writing it. What
one writes can be read as soon as its response begins.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    Future,
    ThreadPoolExecutor,
    wait,
)
from typing import Any, Literal, TypeVar, overload

T = TypeVar("T")


@overload
async def staggered(
    calls: Sequence[Callable[[], Awaitable[T]]],
    *,
    first_byte: asyncio.Event | None = None,
    limit: float | None = None,
    return_exceptions: Literal[False] = False,
) -> list[T]: ...
@overload
async def staggered(
    calls: Sequence[Callable[[], Awaitable[T]]],
    *,
    first_byte: asyncio.Event | None = None,
    limit: float | None = None,
    return_exceptions: bool,
) -> list[T | BaseException]: ...
async def staggered(
    calls: Sequence[Callable[[], Awaitable[T]]],
    *,
    first_byte: asyncio.Event | None = None,
    limit: float | None = None,
    return_exceptions: bool = False,
) -> list[T] | list[T | BaseException]:
    """Await all calls, the first one ahead of the others; results in the order of calls.

    The others start together when the leader has ended, or when ``first_byte`` is set, which
    the calls do if they stream: as soon as their response begins. If the leader fails before
    that, the next call leads. After ``limit`` seconds all that is left starts anyhow.

    Exceptions as in ``asyncio.gather``: the first one is raised (when all calls have been
    started) and the other calls go on; or they stand among the results. Cancelling it
    cancels every call.
    """
    tasks: list[asyncio.Task[T]] = []
    begun = asyncio.ensure_future((first_byte or asyncio.Event()).wait())
    loop = asyncio.get_running_loop()
    until = None if limit is None else loop.time() + limit
    try:
        for call in calls:
            tasks.append(asyncio.ensure_future(_awaited(call)))
            left = None if until is None else max(until - loop.time(), 0)
            waited = {tasks[-1], begun}
            done, _ = await asyncio.wait(waited, timeout=left, return_when=FIRST_COMPLETED)
            if begun in done or not done or _succeeded(tasks[-1]):
                break
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
    finally:
        begun.cancel()
    tasks += [asyncio.ensure_future(_awaited(call)) for call in calls[len(tasks) :]]
    return await asyncio.gather(*tasks, return_exceptions=return_exceptions)


async def _awaited(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


def _succeeded(task: asyncio.Task[T] | Future[T]) -> bool:
    return not task.cancelled() and task.exception() is None


@overload
def staggered_threads(
    calls: Sequence[Callable[[], T]],
    *,
    first_byte: threading.Event | None = None,
    limit: float | None = None,
    workers: int | None = None,
    return_exceptions: Literal[False] = False,
) -> list[T]: ...
@overload
def staggered_threads(
    calls: Sequence[Callable[[], T]],
    *,
    first_byte: threading.Event | None = None,
    limit: float | None = None,
    workers: int | None = None,
    return_exceptions: bool,
) -> list[T | BaseException]: ...
def staggered_threads(
    calls: Sequence[Callable[[], T]],
    *,
    first_byte: threading.Event | None = None,
    limit: float | None = None,
    workers: int | None = None,
    return_exceptions: bool = False,
) -> list[T] | list[T | BaseException]:
    """The same with threads, up to ``workers`` calls at a time (default: all of them).

    When a call's exception is raised, those running go on in their threads. ``first_byte``
    is set by the time all calls have been started.
    """
    if not calls:
        return []
    event = first_byte or threading.Event()
    pool = ThreadPoolExecutor(workers or len(calls), "headstart-stagger")
    watch = ThreadPoolExecutor(1, "headstart-stagger-watch")
    try:
        futures = _led(pool, calls, watch.submit(event.wait, limit))
    finally:
        event.set()
        watch.shutdown(wait=False)
        pool.shutdown(wait=False)
    wait(futures, return_when=ALL_COMPLETED if return_exceptions else FIRST_EXCEPTION)
    if return_exceptions:
        return [future.exception() or future.result() for future in futures]
    failed = next((f for f in futures if f.done() and not _succeeded(f)), None)
    return [future.result() for future in ([failed] if failed else futures)]


def _led(
    pool: ThreadPoolExecutor, calls: Sequence[Callable[[], T]], begun: Future[Any]
) -> list[Future[T]]:
    """Every call started, the first ones one after another until a response begins."""
    futures: list[Future[T]] = []
    for call in calls:
        leader: Future[Any] = pool.submit(call)
        futures.append(leader)
        wait((leader, begun), return_when=FIRST_COMPLETED)
        if begun.done() or _succeeded(leader):
            break
    return futures + [pool.submit(call) for call in calls[len(futures) :]]
