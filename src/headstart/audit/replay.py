"""The log through the providers' emulators: as it is, or with something about it changed."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import count
from typing import Any, Final, NamedTuple

from headstart.audit.chains import Asked, Chains
from headstart.audit.faces import MARKABLE
from headstart.audit.log import Log, Row
from headstart.pricing import Pricer
from headstart.pricing.rows import COMPILED
from headstart.providers import (
    Emulator,
    Recall,
    Rules,
    Ticket,
    UnknownProvider,
    emulate,
    rules_for,
    with_knobs,
)
from headstart.usage import MissReason, Usage

LIMIT: Final = 400_000
"""Entries that a provider is taken to hold at most."""
_DAY_OF: Final = 1e8


class Request(NamedTuple):
    """One request as it is replayed: all of it may be changed."""

    row: Row
    time: float
    provider: str
    model: str
    segments: list[int]
    marks: Sequence[tuple[int, float]]
    settings: tuple[tuple[str, str], ...]
    controls: Any
    ping: bool = False
    """One that the log does not have: only its price counts."""
    free: bool = False
    """Not even that."""


class Change:
    """Something about the log that is otherwise. The least of it changes nothing."""

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


@dataclass
class Outcome:
    """What each row of the log gets: element ``row.number`` of each array."""

    input: array[int]
    read: array[int]
    written: array[int]
    cost: array[float]
    """USD, output included; NaN where there is no price."""
    uncached: array[float]
    reasons: list[MissReason | None]
    lost: array[int]
    """What the emulator says that the reason costs; only where reasons were asked for."""
    ping_cost: float = 0.0
    pings: int = 0
    warnings: set[str] = field(default_factory=set)

    @classmethod
    def empty(cls, rows: int) -> Outcome:
        """Of so many rows."""
        zeros, nan = array("q", bytes(8 * rows)), array("d", [float("nan")]) * rows
        return cls(zeros[:], zeros[:], zeros[:], nan[:], nan[:], [None] * rows, zeros[:])

    def over(self, base: Outcome, rows: Collection[int]) -> Outcome:
        """These rows' results in the place of ``base``'s."""
        merged = Outcome.empty(len(base.input))
        merged.ping_cost, merged.pings = self.ping_cost, self.pings
        for name in ("input", "read", "written", "cost"):
            column, own = getattr(base, name)[:], getattr(self, name)
            for number in rows:
                column[number] = own[number]
            setattr(merged, name, column)
        return merged

    @cached_property
    def total_read(self) -> int:
        """Tokens read in all."""
        return sum(self.read)

    @cached_property
    def total_input(self) -> int:
        """Input tokens in all."""
        return sum(self.input)

    @cached_property
    def total_cost(self) -> float | None:
        """USD in all, pings included; None where nothing has a price."""
        priced = [cost for cost in self.cost if cost == cost]
        return sum(priced) + self.ping_cost if priced else None

    @property
    def hit_rate(self) -> float:
        """Token hit rate."""
        return self.total_read / self.total_input if self.total_input else 0.0


class World:
    """What does not change from replay to replay: rules, prices, ratios of token counts."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.day = log.options.day or _day(log)
        self.ratios: dict[tuple[str, str], float] = {}
        """(provider, model) -> what usage says of the tokens counted."""
        self.lanes: Sequence[int] = ()
        """Conversation of each row, once they are linked."""
        self.automatic: set[int] = set()
        """Rows that say nothing of directives, and are taken to have asked for automatic
        caching."""
        self._pricers: dict[tuple[str, str], Pricer] = {}
        self._rules: dict[tuple[str, str], Rules] = {}

    def rules(self, provider: str, model: str) -> Rules:
        """The row that counts; UnknownProvider."""
        found = self._rules.get((provider, model))
        if found is None:
            found = self._rules[provider, model] = rules_for(provider, model, self.day)[0]
        return found

    def pricer(self, provider: str, model: str) -> Pricer:
        """Prices of a model; they may be unknown."""
        found = self._pricers.get((provider, model))
        if found is None:
            found = Pricer(provider, model, self.day, self.log.options.prices)
            self._pricers[provider, model] = found
        return found

    def known(self, row: Row) -> bool:
        """Whether it can be replayed."""
        if not row.node:
            return False
        try:
            self.rules(row.provider, row.model)
        except UnknownProvider:
            return False
        return row.controls.continues is None and row.controls.resource is None

    def request(self, row: Row) -> Request:
        """As the log has it."""
        segments = self.log.segments_of(row)
        marks: Sequence[tuple[int, float]] = row.marks
        if row.number in self.automatic and not marks:
            marks = automatic(self, self.rules(row.provider, row.model), segments)
        settings = self.log.settings[row.settings]
        return Request(
            row, row.time, row.provider, row.model, segments, marks, settings, row.controls
        )


def automatic(
    world: World, rules: Rules, segments: Sequence[int], ttl: float | None = None
) -> list[tuple[int, float]]:
    """One breakpoint at the end, where the provider takes breakpoints."""
    if rules.scheme != "breakpoints" or not rules.marker or not rules.lifetimes:
        return []
    end = markable_end(world, segments)
    return [(end, ttl or rules.lifetimes[0].seconds)] if end >= 0 else []


def markable_end(world: World, segments: Sequence[int], kind: int = 2) -> int:
    """The last segment, of those up to a kind of section, that takes a directive; where none
    says so, the last one. -1: there is none."""
    faces, last = world.log.segments.faces, -1
    for at in range(len(segments) - 1, -1, -1):
        face = faces[segments[at]]
        if face.kind > kind:
            continue
        if face.flags & MARKABLE:
            return at
        last = max(last, at)
    return last


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
        return emulator, Chains(world.log.segments, rules, ratio), rules


def _first_byte(row: Row, rules: Rules) -> float:
    """Seconds after which what a request writes can be read."""
    if rules.readable == "end":
        return row.latency or row.ttft or 0.0
    return row.ttft if row.ttft is not None else row.latency or 0.0


def _day(log: Log) -> date:
    last = log.day
    return datetime.fromtimestamp(last, UTC).date() if last is not None else COMPILED
