"""Makes cache objects, behind an answer and never before one."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable
from typing import Final

from headstart.dialects.gemini.prefixes import creation, read_made
from headstart.planner import ExplicitPlanner, Lease, Making
from headstart.server.gateway.explicit.calls import Answer
from headstart.server.gateway.explicit.journal import JournalError
from headstart.server.gateway.explicit.keeper import Keeper
from headstart.server.gateway.explicit.objects import Group, Held
from headstart.server.gateway.explicit.rows import created
from headstart.server.gateway.explicit.site import Site, collection
from headstart.server.gateway.explicit.turn import Turn
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.keepalive import BUSY

MOST_AT_ONCE: Final = 4
"""Each keeps the request that its object is made of."""
REFUSED: Final = 3600.0
"""Seconds for which no object is made of a prefix that was refused, nor on a route whose
objects can't be written down."""
_MOST_REFUSED: Final = 4096


class Maker:
    """Not safe across threads."""

    def __init__(self, planner: ExplicitPlanner, keeper: Keeper, faults: Faults) -> None:
        self._planner = planner
        self._keeper = keeper
        self._faults = faults
        self._refused: dict[Hashable, float] = {}
        self._making: set[Group] = set()

    def free(self, group: Group, key: Hashable, now: float) -> bool:
        """Whether an object of that prefix may be made now. One at a time for a group: what
        the next one would be worth depends on it."""
        keeper = self._keeper
        if keeper.closed or keeper.objects.full or len(self._making) >= MOST_AT_ONCE:
            return False
        if group in self._making or key in keeper.objects or keeper.paused(group.route, now):
            return False
        return self._refused.get(key, 0.0) <= now

    def refuse(self, key: Hashable, seconds: float = REFUSED) -> None:
        """No object of that prefix for so long."""
        if len(self._refused) >= _MOST_REFUSED:
            self._refused.clear()
        self._refused[key] = self._keeper.clock() + seconds

    def make(self, turn: Turn, count: int, making: Making, site: Site) -> None:
        """Make one that holds so many contents of a request, in the background."""
        self._making.add(turn.group)
        self._keeper.spawn(self._make(turn, count, making, site))

    async def _make(self, turn: Turn, count: int, making: Making, site: Site) -> None:
        try:
            seconds = math.ceil(making.ttl)
            body = creation(turn.body, turn.shape, count, turn.place.model, seconds)
            asked, began = self._keeper.clock(), time.perf_counter()
            answer = await self._keeper.calls.create(site, collection(turn.place), body)
            latency = time.perf_counter() - began
            if not answer.good:
                self._not_made(turn, making, answer)
                return
            name, tokens = read_made(answer.body)
            lease = self._planner.made(making, tokens, asked)
            self._keeper.counts["made"] += 1
            self._keeper.record(created(turn.case, tokens, answer.status, asked, latency))
            await self._hold(_held(turn, count, name, lease, site, asked))
        finally:
            self._making.discard(turn.group)

    async def _hold(self, held: Held) -> None:
        try:
            self._keeper.add(held)
        except JournalError as error:
            self._faults.note("explicit_journal", error)
            self._keeper.pause(held.group.route, REFUSED)
            self._keeper.objects.add(held)
            await self._keeper.delete(held)

    def _not_made(self, turn: Turn, making: Making, answer: Answer) -> None:
        """Without an answer there may be one, which will lapse: its price stays spent."""
        self._keeper.counts["refused"] += 1
        if answer.status:
            self._planner.unmade(making)
        if answer.status in BUSY:
            self._keeper.pause(turn.group.route, answer.retry_after)
        elif 400 <= answer.status < 500:
            self.refuse(making.prefix.name)
        else:
            self.refuse(making.prefix.name, making.ttl)


def _held(turn: Turn, count: int, name: str, lease: Lease, site: Site, asked: float) -> Held:
    return Held(
        name,
        f"{turn.place.version}/{name}",
        lease.making.prefix.name,
        turn.group,
        count,
        lease,
        site,
        turn.case.model,
        turn.case.call.prompt.model,
        asked,
        look=asked,
    )
