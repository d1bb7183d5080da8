"""The log through the providers' emulators: as it is, or with something about it changed."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, ClassVar, Final

from headstart.audit.chains import Asked, Chains
from headstart.audit.log import Row
from headstart.audit.outcome import Outcome
from headstart.audit.world import Request, World
from headstart.providers import Emulator, Recall, Rules, Ticket, emulate, with_knobs
from headstart.usage import Usage

LIMIT: Final = 400_000
"""Entries that a provider is taken to hold at most."""


class Change:
    """Something about the log that is otherwise. The least of it changes nothing."""

    apart: ClassVar[bool] = False
    """What it does to one provider's requests is the same without those of the others."""

    def start(self) -> None:
        """A replay begins."""

    def when(self, row: Row, time: float) -> float:
        """When a row is sent instead."""
        return time

    def request(self, request: Request) -> Request:
        """What is sent instead of a request."""
        return request

    def knobs(self, provider: str, model: str) -> Mapping[str, Any]:
        """Rules that hold instead of a provider's own."""
        return {}

    def pings(self, request: Request) -> Iterable[Request]:
        """Further requests that go out after this one, in the order of their times."""
        return ()


class Replay:
    """One pass. Rows that can't be replayed get nothing, and cost nothing."""

    def __init__(self, world: World, changes: Sequence[Change] = (), *, why: bool = False) -> None:
        """``why``: reasons are asked for, which takes longer."""
        self._world = world
        self._changes = changes
        self._why = why
        self._recalls: dict[str, Recall] = {}
        self._emulators: dict[tuple[str, str], tuple[Emulator, Chains, Rules]] = {}
        self._waiting: list[tuple[float, int, Ticket]] = []
        self._pings: list[tuple[float, int, Request]] = []
        self._order = count()

    def run(self, rows: Iterable[Row]) -> Outcome:
        """These rows of the log, in the order of time."""
        world, changes = self._world, self._changes
        outcome = Outcome.empty(len(world.log.rows))
        for change in changes:
            change.start()
        for time, row in self._timed([row for row in rows if world.known(row)]):
            request = self._changed(row, time)
            self._due(request.time, outcome)
            self._send(request, outcome)
            for change in changes:
                for ping in change.pings(request):
                    heapq.heappush(self._pings, (ping.time, next(self._order), ping))
        self._due(float("inf"), outcome)
        return outcome

    def _timed(self, rows: list[Row]) -> list[tuple[float, Row]]:
        """In the order in which they are sent."""
        found = []
        for row in rows:
            time = row.time
            for change in self._changes:
                time = change.when(row, time)
            found.append((time, row))
        return sorted(found, key=lambda pair: pair[0])

    def _changed(self, row: Row, time: float) -> Request:
        request = self._world.request(row)._replace(time=time)
        for change in self._changes:
            request = change.request(request)
        return request

    def _due(self, now: float, outcome: Outcome) -> None:
        while self._pings and self._pings[0][0] <= now:
            _, _, ping = heapq.heappop(self._pings)
            self._settle(ping.time)
            self._send(ping, outcome)
        self._settle(now)

    def _settle(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            began, _, ticket = heapq.heappop(self._waiting)
            ticket.first_byte(began)

    def _send(self, request: Request, outcome: Outcome) -> None:
        row = request.row
        emulator, chains, rules = self._at(request.provider, request.model)
        lane = self._world.lanes[row.number] if self._world.lanes else 0
        chain = chains.chain(
            Asked(
                lane,
                request.model,
                request.segments,
                request.marks,
                request.settings,
                request.controls,
            )
        )
        after = _first_byte(row, rules) if not request.ping else 0.0
        if after <= 0 and not self._why and not row.failed:
            self._book(request, emulator.replay(chain, request.time), outcome)
            return
        ticket = emulator.begin(chain, request.time)
        if row.failed:
            ticket.abort()
            return
        if after > 0:
            heapq.heappush(self._waiting, (request.time + after, next(self._order), ticket))
        else:
            ticket.first_byte(request.time)
        lookup = ticket.lookup
        self._book(request, lookup.usage, outcome)
        if self._why and not request.ping:
            outcome.reasons[row.number] = lookup.reason
            outcome.lost[row.number] = lookup.lost
            outcome.warnings.update(lookup.warnings)

    def _book(self, request: Request, usage: Usage, outcome: Outcome) -> None:
        number = request.row.number
        price = self._world.pricer(request.provider, request.model)
        if request.ping:
            outcome.pings += 1
            outcome.ping_cost += 0.0 if request.free else price.cost(usage) or 0.0
            return
        outcome.input[number] = usage.input
        outcome.read[number] = usage.read
        outcome.written[number] = usage.written
        output = request.row.output
        whole = usage + Usage(output=output) if output else usage
        cost = price.cost(whole)
        if cost is not None:
            outcome.cost[number] = cost
            if self._why:
                outcome.uncached[number] = price.uncached(whole) or 0.0

    def _at(self, provider: str, model: str) -> tuple[Emulator, Chains, Rules]:
        found = self._emulators.get((provider, model))
        if found is None:
            found = self._emulators[provider, model] = self._made(provider, model)
        return found

    def _made(self, provider: str, model: str) -> tuple[Emulator, Chains, Rules]:
        world = self._world
        knobs: dict[str, Any] = {}
        for change in self._changes:
            knobs |= change.knobs(provider, model)
        recall = Recall(2)
        if self._why:
            recall = self._recalls.setdefault(provider, Recall(5 * LIMIT))
        emulator = emulate(
            provider,
            model,
            world.day,
            count=lambda _: 0,
            knobs=knobs,
            limit=LIMIT,
            recall=recall,
        )
        rules = with_knobs(world.rules(provider, model), knobs)
        ratio = world.ratios.get((provider, model), 1.0)
        chains = Chains(world.log.segments, rules, ratio, why=self._why)
        return emulator, chains, rules


def _first_byte(row: Row, rules: Rules) -> float:
    """Seconds after which what a request writes can be read."""
    if rules.readable == "end":
        return row.latency or row.ttft or 0.0
    return row.ttft if row.ttft is not None else row.latency or 0.0
