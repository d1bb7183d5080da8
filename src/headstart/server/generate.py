"""The bridge: one generation's events from the engine's thread to one client's connection.

Everything that can happen to a request arrives in one queue, in order: the engine's
events and the client's departure. So there is one place that waits, and nothing is ever
cancelled half way.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from headstart.engine.contract import Engine, Event, Failed, Finished, Generation, Ticket


class Running:
    """A submitted generation, as its client's handler sees it. Made by ``running``."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | ClientDisconnect] = asyncio.Queue()
        self.over = False
        """True once the engine has nothing more to tell."""

    async def next(self, patience: float | None = None) -> Event | None:
        """The next event, or None after ``patience`` seconds of silence.

        Raises ClientDisconnect when the client has left, and the engine's error where the
        generation failed.
        """
        try:
            async with asyncio.timeout(patience):
                item = await self._queue.get()
        except TimeoutError:
            return None
        if isinstance(item, ClientDisconnect):
            raise item
        self.over = isinstance(item, Finished | Failed)
        if isinstance(item, Failed):
            raise item.error
        return item

    def hand_over(self, event: Event) -> None:
        """The engine's ``on_event``: returns at once, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    async def watch(self, receive: Receive) -> None:
        """Wait until the client hangs up; the request's body must have been read."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._queue.put_nowait(ClientDisconnect())


@contextlib.asynccontextmanager
async def running(
    engine: Engine, generation: Generation, receive: Receive
) -> AsyncIterator[Running]:
    """Submit a generation; on the way out its work is freed, however the way out is.

    Raises what ``Engine.submit`` does.
    """
    run = Running()
    watcher = asyncio.create_task(run.watch(receive))
    ticket: Ticket | None = None
    try:
        # In a thread: it may wait for the engine's lock while a step runs.
        ticket = await asyncio.to_thread(engine.submit, generation, run.hand_over)
        yield run
    finally:
        watcher.cancel()
        if ticket is not None and not run.over:
            ticket.cancel()
