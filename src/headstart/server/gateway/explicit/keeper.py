"""Holds cache objects: gives them more time while that pays, deletes them, bills them."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

from headstart.planner import ExplicitPlanner
from headstart.providers import CacheResources, GranularEmulator, ResourceError
from headstart.server.gateway.explicit.calls import GONE, Calls
from headstart.server.gateway.explicit.journal import Entry, Journal, JournalError
from headstart.server.gateway.explicit.objects import Held, Objects
from headstart.server.gateway.explicit.rows import stored
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.keepalive import BUSY, LONGEST_PAUSE, PAUSE
from headstart.server.gateway.models import Model
from headstart.usage import RequestRecord

CLOSING: Final = 5.0
"""Seconds for deleting everything at the end; the last fifth is for what came late."""
_LOOK: Final = 60.0
"""Seconds after which the clock is looked at again: one that is set runs past a timer."""
_OK: Final = 200
"""Status of a row for which nothing was asked."""


class Keeper:
    """Lives in the event loop of its first object. Not safe across threads, but for
    ``nudge``."""

    def __init__(
        self,
        planner: ExplicitPlanner,
        sink: Callable[[RequestRecord], None],
        faults: Faults,
        counts: Counter[str],
        journal: Journal | None,
        clock: Callable[[], float],
    ) -> None:
        self._planner = planner
        self._sink = sink
        self._faults = faults
        self.counts = counts
        self.journal = journal
        self.clock = clock
        self.objects = Objects()
        self.calls = Calls()
        self._pauses: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False

    @property
    def idle(self) -> bool:
        """Nothing is under way, and nothing is due."""
        now = self.clock()
        return not self._tasks and all(held.look > now for held in self.objects)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it in the background; ``close`` waits for it, as long as it may."""
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def pause(self, route: str, seconds: float | None = None) -> None:
        """The route's upstream has enough: nothing is made there for so long."""
        wait = min(PAUSE if seconds is None else seconds, LONGEST_PAUSE)
        self._pauses[route] = max(self._pauses.get(route, 0.0), self.clock() + wait)

    def paused(self, route: str, now: float) -> bool:
        """Whether to make nothing there."""
        # Longer than any pause is, if the clock was set back.
        return now < self._pauses.get(route, 0.0) <= now + LONGEST_PAUSE

    def add(self, held: Held) -> None:
        """Hold an object from now on; JournalError if it would outlive a crash unknown."""
        self._write(held)
        self.objects.add(held)
        resources = _resources(held.model)
        if resources is not None:
            lease, scope = held.lease, held.group.tenant
            now = self.clock()
            resources.adopt(
                held.name, held.model_name, lease.tokens, now, lease.expires, scope=scope
            )
        if self._runner is None and not self.closed:
            self._loop = asyncio.get_running_loop()
            self._runner = self._loop.create_task(self._run())
        self._changed.set()

    def gone(self, held: Held) -> None:
        """The provider says that it is not there."""
        if self._drop(held):
            self.counts["gone"] += 1
            self._bill(held, min(self.clock(), held.lease.expires), _OK)

    async def delete(self, held: Held) -> None:
        """Delete it. Where that is not certain it lapses, and stays in the journal."""
        now = self.clock()
        answer = await self.calls.delete(held.site, held.path)
        sure = answer.good or answer.status in GONE
        if sure:
            self._planner.ended(held.lease, now)
        if self._drop(held, forget=sure):
            self.counts["deleted" if sure else "undeleted"] += 1
            until = min(now, held.lease.expires) if sure else held.lease.expires
            self._bill(held, until, answer.status)

    def record(self, record: RequestRecord) -> None:
        """A row for the ledger."""
        try:
            self._sink(record)
        except Exception as error:
            self._faults.note("record", error)

    def nudge(self) -> None:
        """Look at the clock: it was moved. Safe on any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._changed.set)

    async def close(self) -> None:
        """Delete everything, within ``CLOSING`` seconds. What is being made has no name yet
        by which it could be deleted, and is waited for."""
        self.closed, self._loop = True, None
        if self._runner is not None:
            self._runner.cancel()
        for held in self.objects:
            self.spawn(self.delete(held))
        await self._rest(0.8 * CLOSING)
        for held in self.objects:
            self.spawn(self.delete(held))
        await self._rest(0.2 * CLOSING)
        for task in self._tasks:
            task.cancel()
        await self.calls.close()
        if self.journal is not None:
            self.journal.close()

    async def _rest(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self._faults.note("explicit", error)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            now = self.clock()
            for held in self.objects:
                if held.look <= now and not held.busy:
                    held.busy = True
                    self.spawn(self._look(held))
            waits = [held.look - now for held in self.objects if not held.busy]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min([*waits, _LOOK]))):
                    await self._changed.wait()

    async def _look(self, held: Held) -> None:
        """Give it more time, end it, or look again later."""
        try:
            now = self.clock()
            held.look = now + _LOOK  # unless the planner says otherwise
            step = self._planner.step(held.lease, now)
            held.look = step.at
            if step.what == "extend":
                await self._extend(held, step.at, now)
            elif step.what == "end":
                await self._end(held, now)
        finally:
            held.busy = False
            self._changed.set()

    async def _extend(self, held: Held, until: float, now: float) -> None:
        seconds = math.ceil(until - now)
        answer = await self.calls.extend(held.site, held.path, seconds)
        if answer.good:
            self.counts["extended"] += 1
            held.lease.expires = now + seconds
            held.look = now + 1.0
            self._bill(held, now, answer.status)
            with contextlib.suppress(JournalError):
                self._write(held)
            _moved(held, now)
            return
        if answer.status:
            self._planner.unextended(held.lease)
        held.look = held.lease.expires
        if answer.status in BUSY:
            self.pause(held.group.route, answer.retry_after)
        elif answer.status in GONE:
            self.gone(held)

    async def _end(self, held: Held, now: float) -> None:
        if now < held.lease.expires - 1.0:
            await self.delete(held)
        elif self._drop(held):
            self.counts["lapsed"] += 1
            self._bill(held, held.lease.expires, _OK)

    def _drop(self, held: Held, *, forget: bool = True) -> bool:
        """``forget``: it is certainly gone, and need not be deleted at the next start."""
        resources = _resources(held.model)
        if resources is not None:
            with contextlib.suppress(ResourceError):
                resources.delete(held.name, self.clock(), scope=held.group.tenant)
        if forget and self.journal is not None:
            self.journal.remove(held.path)
        return self.objects.drop(held)

    def _write(self, held: Held) -> None:
        if self.journal is not None:
            self.journal.put(Entry(held.path, held.group.route, held.lease.expires))

    def _bill(self, held: Held, until: float, status: int) -> None:
        """A row for the time since the last one."""
        if until > held.billed:
            self.record(stored(held, until, status))
            held.billed = until


def _resources(model: Model) -> CacheResources | None:
    emulator = model.emulator
    return emulator.resources if isinstance(emulator, GranularEmulator) else None


def _moved(held: Held, now: float) -> None:
    """Its new end, where reads are predicted."""
    resources = _resources(held.model)
    if resources is not None:
        with contextlib.suppress(ResourceError):
            expires, scope = held.lease.expires, held.group.tenant
            resources.patch(held.name, now, scope=scope, expires=expires)
