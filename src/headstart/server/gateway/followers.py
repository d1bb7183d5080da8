"""Requests held back until another one has written the prefix that they share."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from headstart.planner import Followers, Key, Runner, Seat, runner_of
from headstart.server.gateway.case import Case
from headstart.server.gateway.faults import Faults

READ: Final = "read"
"""The leader's answer began."""
ALONE: Final = "alone"
"""The leader failed."""
LATE: Final = "late"
"""The time was up."""
LEFT: Final = "left"
"""The client left."""


class Line:
    """Those who go ahead and those who wait, of all routes. Lives in one event loop. No
    fault leaves it: a request that cannot be placed goes at once."""

    def __init__(
        self,
        followers: Followers,
        faults: Faults,
        outcomes: Counter[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``outcomes`` counts how waits ended."""
        self._followers = followers
        self._faults = faults
        self._clock = clock
        self._held: dict[int, asyncio.Future[str]] = {}
        self._outcomes = outcomes

    def __len__(self) -> int:
        """Requests held back now."""
        return len(self._held)

    def join(self, case: Case) -> Place | None:
        """A place for a request that is ready to go out; None for one that has nothing to
        do with any other."""
        try:
            runner = runner_in(case)
            if runner is None:
                return None
            return Place(self, self._followers.arrive(runner, self._clock()))
        except Exception as error:
            self._faults.note("follow", error)
            return None

    async def hold(self, seat: Seat) -> float:
        """Wait as long as the seat asks for; seconds."""
        if seat.until is None:
            return 0.0
        since = self._clock()
        self._held[seat.serial] = told = asyncio.get_running_loop().create_future()
        outcome = LEFT
        try:
            async with asyncio.timeout(max(0.0, seat.until - since)):
                outcome = await told
        except TimeoutError:
            outcome = LATE
            self._late(seat.serial)
        finally:
            self._held.pop(seat.serial, None)
            self._outcomes[outcome] += 1
        return self._clock() - since

    def began(self, serial: int) -> bool:
        """A good answer began; whether anybody waited for it."""
        return self._release(self._followers.began, serial, READ)

    def gone(self, serial: int) -> None:
        """It failed, ended, or its client left."""
        self._release(self._followers.gone, serial, ALONE)

    def _release(self, told: Callable[[int, float], list[int]], serial: int, outcome: str) -> bool:
        try:
            released = told(serial, self._clock())
        except Exception as error:
            self._faults.note("follow", error)
            return False
        for follower in released:
            future = self._held.get(follower)
            if future is not None and not future.done():
                future.set_result(outcome)
        return bool(released)

    def _late(self, serial: int) -> None:
        try:
            self._followers.expire(serial, self._clock())
        except Exception as error:
            self._faults.note("follow", error)


class Place:
    """One request's."""

    __slots__ = ("_line", "_seat")

    def __init__(self, line: Line, seat: Seat) -> None:
        self._line = line
        self._seat = seat

    async def wait(self) -> float:
        """Until it is to go; seconds. Cancelled, the place is given up."""
        try:
            return await self._line.hold(self._seat)
        except asyncio.CancelledError:
            self.end()
            raise

    def began(self) -> bool:
        """The first byte of its good answer is there; whether anybody waited for it."""
        return self._line.began(self._seat.serial)

    def end(self) -> None:
        """It is over, or has failed. May be called again, and after ``began``."""
        self._line.gone(self._seat.serial)


def runner_in(case: Case) -> Runner | None:
    """A request as followers see it."""
    call, model = case.call, case.model
    return runner_of(
        Key(case.tenant, case.target.name, call.prompt.model),
        case.chain,
        model.rules,
        model.rates,
        model.minimum,
        read=case.ticket.lookup.usage.read,
        leads=call.stream or call.max_tokens == 0,
    )
