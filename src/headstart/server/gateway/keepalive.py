"""Keep-alive: when the next ping is due, and whether it may go out.

The planner says when to ask and whether a ping pays; here it is held until then, kept within
its route's budget, and put off where the upstream said that it has enough. What is held is a
prompt and a credential: in memory only, so many and so much at most, and no longer than the
entry that they keep alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from heapq import heapify, heappop, heappush
from typing import Final

from headstart.planner import Outcome, Planner, Wake
from headstart.server.gateway.case import Case
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.pings import Pinged, Pinger, Sent, Warm, warm_of
from headstart.server.shared import Lease, Leases

MOST_PROMPTS: Final = 512
MOST_BYTES: Final = 32 << 20
"""Of all prompts that are held, their headers and digests counted; the one held longest goes
first."""
MOST_AT_ONCE: Final = 8
PAUSE: Final = 60.0
"""Seconds without pings on a route that was told it is too much, and not for how long."""
LONGEST_PAUSE: Final = 3600.0
BUSY: Final = frozenset({429, 503, 529})
_AGAIN: Final = 2.0
"""Seconds until a lease is asked for again where nobody could say whose it is."""
_PATIENCE: Final = 60.0
"""Seconds after which what nobody has leased is given up."""
_LOOK: Final = 60.0
"""Seconds after which the clock is looked at again: one that is set runs past a timer."""


class Purse:
    """USD that one route's pings may cost in each hour or day, which begins with the first
    of them."""

    def __init__(self, limit: float, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._since = -math.inf
        self._spent = 0.0

    def take(self, cost: float, now: float) -> bool:
        """Set it aside, if it is there."""
        self._since = min(self._since, now)  # the clock may have been set back
        if now - self._since >= self._seconds:
            self._since, self._spent = now, 0.0
        if self._spent + cost > self._limit:
            return False
        self._spent += cost
        return True

    def correct(self, taken: float, cost: float) -> None:
        """What was taken turned out to cost this."""
        self._spent += cost - taken


class KeepAlive:
    """Pings that are due later. Not safe across threads, but for ``nudge``. Lives in the
    event loop of its first ``keep``."""

    def __init__(
        self,
        planner: Planner,
        pinger: Pinger,
        faults: Faults,
        *,
        clock: Callable[[], float] = time.time,
        leases: Leases | None = None,
        most_prompts: int = MOST_PROMPTS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._planner = planner
        self._pinger = pinger
        self._faults = faults
        self._clock = clock
        self._leases = leases
        self._most = most_prompts, most_bytes
        self._held: OrderedDict[int, Warm] = OrderedDict()
        self._size = 0
        self._heap: list[tuple[float, int, Wake]] = []
        self._purses: dict[str, Purse] = {}
        self._pauses: dict[str, float] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._held)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._size

    def answered(self, case: Case, status: int, wake: Wake | None, sent: Sent) -> None:
        """A request that could be repeated is over. Raises nothing."""
        try:
            if status in BUSY:
                self.refused(case.target.name)
            warm = warm_of(case, sent) if wake is not None else None
            if wake is not None and warm is not None:
                self.keep(wake, warm)
        except Exception as error:
            self._faults.note("keep_alive", error)

    def keep(self, wake: Wake, warm: Warm) -> None:
        """Hold a request until its ping is due."""
        if self._closed or warm.size > self._most[1]:
            return
        self._drop(wake.serial)
        self._held[wake.serial] = warm
        self._size += warm.size
        while len(self._held) > self._most[0] or self._size > self._most[1]:
            self._drop(next(iter(self._held)))
        self._push(wake.at, wake)
        if self._runner is None:
            self._loop = asyncio.get_running_loop()
            self._runner = self._loop.create_task(self._run())

    def refused(self, route: str, seconds: float | None = None) -> None:
        """The route's upstream has enough: no pings for so long."""
        wait = min(PAUSE if seconds is None else seconds, LONGEST_PAUSE)
        self._pauses[route] = max(self._pauses.get(route, 0.0), self._clock() + wait)

    def nudge(self) -> None:
        """Look at the clock: it was moved. Safe on any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._changed.set)

    async def close(self) -> None:
        """Send no more, cut what is under way, forget everything."""
        self._closed, self._loop = True, None
        tasks = [*self._sending, *([self._runner] if self._runner is not None else ())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._held.clear()
        self._heap.clear()
        self._size = 0
        await self._pinger.close()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            now = self._clock()
            while self._heap and self._heap[0][0] <= now and len(self._sending) < MOST_AT_ONCE:
                self._take(now)
            wait = _LOOK
            if self._heap and len(self._sending) < MOST_AT_ONCE:
                wait = min(wait, self._heap[0][0] - now)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    def _take(self, now: float) -> None:
        """Send what is due first, put it off, or forget it."""
        _, serial, wake = heappop(self._heap)
        warm = self._held.get(serial)
        if warm is None:
            return
        pause = self._pauses.get(warm.route, 0.0)
        if now < pause <= now + LONGEST_PAUSE:  # later: the clock was set back
            self._push(pause, wake)
            return
        if self._leases is not None:
            self._start(self._send_leased(self._leases, wake, warm))
            return
        cost = self._granted(wake, warm, now)
        if cost is not None:
            self._start(self._send(wake, warm, cost))

    def _start(self, sending: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(sending)
        self._sending.add(task)
        task.add_done_callback(self._sent)

    async def _send_leased(self, leases: Leases, wake: Wake, warm: Warm) -> None:
        """One that other gateways might send too: no lease, no ping."""
        lease: Lease | None = None
        try:
            lease = await leases.take(warm.names, warm.chain.keys[-1], wake.period)
        except Exception as error:
            self._faults.note("lease", error)
            if wake.serial in self._held and self._clock() < wake.at + _PATIENCE:
                self._push(self._clock() + _AGAIN, wake)
            else:
                self._drop(wake.serial)
            return
        now = self._clock()
        if lease is None:
            # Its holder has pinged, or is about to: that counts as ours.
            self._faults.counts["lease_elsewhere"] += 1
            self._again(wake, self._planner.pinged(wake, Outcome(None, None, now, now)))
            return
        if wake.serial not in self._held:
            return
        cost = self._granted(wake, warm, now)
        if cost is not None:
            await self._send(wake, warm, cost, leases, lease)

    def _granted(self, wake: Wake, warm: Warm, now: float) -> float | None:
        """USD set aside for a ping; None: it is not sent, and what it repeats is forgotten."""
        cost = None
        try:
            cost = self._afforded(wake, warm, now)
        except Exception as error:
            self._faults.note("keep_alive", error)
        if cost is None:
            self._drop(wake.serial)
        return cost

    def _afforded(self, wake: Wake, warm: Warm, now: float) -> float | None:
        cost = warm.price(now)
        if cost is None:
            return None
        purse = self._purses.get(warm.route)
        if purse is None:
            purse = self._purses[warm.route] = Purse(*warm.upstream.keep_alive_limit)
        if not purse.take(cost, now):
            self._faults.counts["keep_alive_budget"] += 1
            return None
        if not self._planner.due(wake, now):
            purse.correct(cost, 0.0)
            return None
        return cost

    async def _send(
        self,
        wake: Wake,
        warm: Warm,
        cost: float,
        leases: Leases | None = None,
        lease: Lease | None = None,
    ) -> None:
        try:
            if leases is not None and (lease is None or not await leases.holds(lease)):
                self._faults.counts["lease_lost"] += 1
                self._purses[warm.route].correct(cost, 0.0)
                self._drop(wake.serial)
                return
            pinged = await self._pinger.ping(warm)
            self._learn(wake, warm, cost, pinged)
        except Exception as error:
            self._faults.note("keep_alive", error)
            self._drop(wake.serial)

    def _learn(self, wake: Wake, warm: Warm, cost: float, pinged: Pinged) -> None:
        self._purses[warm.route].correct(cost, cost if pinged.cost is None else pinged.cost)
        if pinged.status in BUSY:
            self.refused(warm.route, pinged.retry_after)
        self._again(wake, self._planner.pinged(wake, pinged.outcome))

    def _again(self, wake: Wake, again: Wake | None) -> None:
        if again is None:
            self._drop(wake.serial)
        elif wake.serial in self._held:
            self._push(again.at, again)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._changed.set()

    def _push(self, at: float, wake: Wake) -> None:
        heappush(self._heap, (at, wake.serial, wake))
        if len(self._heap) > 2 * len(self._held) + MOST_AT_ONCE:
            self._heap = [item for item in self._heap if item[1] in self._held]
            heapify(self._heap)
        self._changed.set()

    def _drop(self, serial: int) -> None:
        warm = self._held.pop(serial, None)
        if warm is not None:
            self._size -= warm.size
