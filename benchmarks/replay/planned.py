"""Our planner in the replay: it is asked, answered and woken as a gateway would do it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import count
from time import thread_time
from typing import Final

from benchmarks.replay.calls import Call
from benchmarks.replay.model import LONG, OUTPUT, READ, SHORT, WRITES, Bill, Store
from headstart.planner import (
    Key,
    Outcome,
    Plan,
    PlannedRequest,
    Planner,
    Rates,
    TrafficPlanner,
    Wake,
)
from headstart.prompt import Mark
from headstart.providers import Divergence, Lookup, rules_for
from headstart.usage import Usage

RULES: Final = replace(
    rules_for("anthropic", "claude-sonnet-4-6", date(2026, 11, 1))[0], lookback=None
)
RATES: Final = Rates(READ, tuple(WRITES.items()), OUTPUT)
PING_OUTPUT: Final = 1
"""Tokens: what a ping with ``max_tokens`` 1 forces where 0 is not allowed."""


class Replay:
    """One traffic through one planner. ``pings`` opts in to keep-alive."""

    def __init__(self, planner: Planner, pings: bool) -> None:
        self._planner = planner
        self._pings = pings
        self._store = Store()
        self._wakes: list[tuple[float, int, Wake]] = []
        self._order = count()
        self._sent: dict[int, tuple[Call, Plan]] = {}
        self._ended: list[tuple[float, int, Plan, Outcome]] = []
        self.seconds: list[float] = []
        """Of planning each call, the look into the cache included."""
        self.plans: list[tuple[Mark, ...]] = []
        self.ping_count = 0
        self.ping_cost = 0.0

    def run(self, calls: Sequence[Call]) -> Iterator[float]:
        """Units of plain input that each call costs in turn, pings before it included."""
        for call in calls:
            cost = self._until(call.time)
            yield cost + self._call(call)

    def finish(self) -> float:
        """Units that pings after the last call cost."""
        return self._until(float("inf"))

    def _call(self, call: Call) -> float:
        chain = call.chain()

        def peek(marks: Sequence[Mark]) -> Lookup:
            hit = self._store.hit(call.keys, call.time)
            usage = _usage(self._store.bill(call, marks, hit))
            shared = self._store.shared(call.keys)
            parted = Divergence(shared, None, None, None) if shared else None
            return Lookup(usage, None, None, None, 0, parted, None)

        request = PlannedRequest(
            Key("", "replay", call.model),
            chain,
            call.conversation.encode(),
            call.features,
            RULES,
            RATES,
            0,
            call.places,
            peek,
            "own",
            PING_OUTPUT if self._pings else None,
        )
        begun = thread_time()
        plan = self._planner.plan(request, call.time)
        self.seconds.append(thread_time() - begun)
        self.plans.append(plan.placements)
        bill = self._store.serve(call, plan.placements, call.time, asked=True)
        outcome = Outcome(_usage(bill), call.stop, call.time, max(call.ended, call.time))
        heapq.heappush(self._ended, (outcome.ended, next(self._order), plan, outcome))
        self._sent[plan.serial] = (call, plan)
        return bill.cost

    def _until(self, time: float) -> float:
        """Responses end and pings fall due before ``time``; units that the pings cost."""
        cost = 0.0
        while True:
            ended = self._ended[0][0] if self._ended else float("inf")
            wake = self._wakes[0][0] if self._wakes else float("inf")
            if min(ended, wake) >= time:
                return cost
            if ended <= wake:
                _, _, plan, outcome = heapq.heappop(self._ended)
                self._later(self._planner.settle(plan, outcome), outcome.ended)
            else:
                due, _, asked = heapq.heappop(self._wakes)
                cost += self._ping(asked, due)

    def _later(self, wake: Wake | None, now: float) -> None:
        if wake is not None:
            heapq.heappush(self._wakes, (max(now, wake.at), next(self._order), wake))

    def _ping(self, wake: Wake, now: float) -> float:
        if not self._planner.due(wake, now):
            return 0.0
        call, plan = self._sent[wake.serial]
        bill = self._store.serve(call, plan.placements, now, asked=True)
        cost = bill.cost + OUTPUT * PING_OUTPUT
        self.ping_count += 1
        self.ping_cost += cost
        outcome = Outcome(_usage(bill), None, now, now)
        self._later(self._planner.pinged(wake, outcome), now)
        return cost


def _usage(bill: Bill) -> Usage:
    return Usage(bill.fresh, bill.read, write_5m=bill.short, write_1h=bill.long)


def ours(pings: bool, make: Callable[[], Planner] = TrafficPlanner) -> Replay:
    """A planner that starts cold."""
    return Replay(make(), pings)


assert RULES.lifetimes[0].seconds == SHORT
assert RULES.lifetimes[-1].seconds == LONG
