"""The planner on the logs' own traffic: asked, answered and billed as behind a gateway."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Final

from headstart.audit.chains import Asked, Chains
from headstart.audit.faces import MARKABLE
from headstart.audit.log import Row
from headstart.audit.outcome import Outcome
from headstart.audit.replay import LIMIT
from headstart.audit.world import Request, World
from headstart.planner import Features, Key, PlannedRequest, Rates, TrafficPlanner, rates_of
from headstart.planner import Outcome as Settled
from headstart.prompt import Chain, Mark
from headstart.providers import Emulator, Lookup, Recall, Rules, emulate, minimum_of
from headstart.usage import Usage

_RATE: Final = 50.0
"""Output tokens a second, where a log has no latency."""
_RECALL: Final = 500_000


class _Model:
    """One provider's model."""

    def __init__(self, world: World, provider: str, model: str) -> None:
        self.rules: Rules = world.rules(provider, model)
        self.pricer = world.pricer(provider, model)
        self.rates: Rates = rates_of(self.rules, self.pricer)
        self.minimum = minimum_of(self.rules, model)
        self.chains = Chains(
            world.log.segments, self.rules, world.ratios.get((provider, model), 1.0)
        )
        # The planner asks where requests part, which is found in what is remembered.
        self.emulator: Emulator = emulate(
            provider, model, world.day, count=lambda _: 0, limit=LIMIT, recall=Recall(_RECALL)
        )
        self.key = Key("", provider, model)


def planned(world: World, most: int) -> Outcome:
    """The first rows, ``most`` of them, their own directives replaced; it starts cold. No
    pings."""
    planner, models = TrafficPlanner(), dict[tuple[str, str], _Model]()
    outcome = Outcome.empty(len(world.log.rows))
    ended: list[tuple[float, int, Callable[[], object]]] = []
    order = count()
    for row in world.log.rows[:most]:
        if not world.known(row) or row.failed:
            continue
        while ended and ended[0][0] <= row.time:
            heapq.heappop(ended)[2]()
        name = row.provider, row.model
        model = models.get(name) or models.setdefault(name, _Model(world, *name))
        request = world.request(row)._replace(marks=())
        chain = model.chains.chain(_asked(world, request))
        asked = _planned_request(world, model, request, chain)
        plan = planner.plan(asked, row.time)
        marked = replace(chain, marks=plan.placements)
        ticket = model.emulator.begin(marked, row.time)
        ticket.first_byte(row.time)
        usage = ticket.lookup.usage
        _book(outcome, row, usage, model)
        end = row.time + (row.latency if row.latency is not None else row.output / _RATE)
        settled = Settled(usage, None, row.time, end)
        settle: Callable[[], object] = partial(planner.settle, plan, settled)
        heapq.heappush(ended, (end, next(order), settle))
    return outcome


def _asked(world: World, request: Request) -> Asked:
    lane = world.lanes[request.row.number] if world.lanes else 0
    return Asked(lane, request.model, request.segments, (), request.settings, request.controls)


def _planned_request(world: World, model: _Model, request: Request, chain: Chain) -> PlannedRequest:
    time = request.time

    def peek(marks: Sequence[Mark]) -> Lookup:
        return model.emulator.peek(replace(chain, marks=tuple(marks)), time)

    faces = world.log.segments.faces
    first = min(chain.system, len(chain.plain) - 1)
    return PlannedRequest(
        key=model.key,
        chain=chain,
        conversation=chain.plain[first] if first >= 0 else b"",
        features=_features(world, request),
        rules=model.rules,
        rates=model.rates,
        minimum=model.minimum,
        markable=[i for i, n in enumerate(request.segments) if faces[n].flags & MARKABLE],
        peek=peek,
        mode="own",
    )


def _features(world: World, request: Request) -> Features:
    """Where in its conversation a request stands."""
    faces = world.log.segments.faces
    inputs: set[str] = set()
    turns = calls = 0
    role = ""
    for number in request.segments:
        face = faces[number]
        if face.kind < 2:
            continue
        if face.step:
            inputs = set()
            role = face.role
            turns += role == "user"
            calls += role == "assistant"
        inputs.add(face.type)
    tools = bool(request.segments) and faces[request.segments[0]].kind == 0
    return Features(
        tuple(sorted(inputs)), max(1, turns), calls, tools=tools, agent=request.row.kind
    )


def _book(outcome: Outcome, row: Row, usage: Usage, model: _Model) -> None:
    number = row.number
    outcome.input[number], outcome.read[number] = usage.input, usage.read
    outcome.written[number] = usage.written
    whole = usage + Usage(output=row.output)
    cost, uncached = model.pricer.cost(whole), model.pricer.uncached(whole)
    if cost is not None and uncached is not None:
        outcome.cost[number], outcome.uncached[number] = cost, uncached
