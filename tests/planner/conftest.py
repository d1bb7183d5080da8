"""A planner before an emulated provider, with traffic made of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import pytest

from headstart.planner import (
    Features,
    Key,
    Mode,
    Outcome,
    Plan,
    PlannedRequest,
    Rates,
    TrafficPlanner,
    Wake,
)
from headstart.planner.bill import units
from headstart.prompt import Chain, Mark
from headstart.providers import Lookup, emulate, rules_for

DAY = date(2026, 11, 1)
MODEL = "claude-sonnet-4-6"
RULES = rules_for("anthropic", MODEL, DAY)[0]
RATES = Rates(0.1, ((300.0, 1.25), (3600.0, 2.0)), 5.0)
SIZE = 512
KEY = Key("tenant", "upstream", MODEL)


@dataclass
class World:
    """Requests in turn; ``spent`` and ``uncached`` in units of input."""

    planner: TrafficPlanner
    mode: Mode = "plan"
    ping_output: int | None = None
    spent: float = 0.0
    uncached: float = 0.0
    plans: list[Plan] = field(default_factory=list)
    wakes: list[Wake] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.emulator = emulate("anthropic", MODEL, DAY, count=lambda _: 0)

    def ask(
        self,
        blocks: Sequence[str],
        now: float,
        *,
        inputs: tuple[str, ...] = ("text",),
        marks: Sequence[Mark] = (),
        system: int = 0,
        key: Key = KEY,
        stop: str = "end_turn",
        ok: bool = True,
    ) -> Plan:
        """One request, sent, answered and settled."""
        digests = [block.encode() for block in blocks]
        chain = Chain.of_blocks(MODEL, digests, SIZE, system=system, marks=marks)
        request = self.request(chain, now, inputs, key)
        plan = self.planner.plan(request, now)
        self.plans.append(plan)
        sent = replace(chain, marks=tuple(plan.placements or (() if plan.strip else marks)))
        ticket = self.emulator.begin(sent, now)
        if ok:
            ticket.first_byte(now + 1)
            self.spent += units(ticket.lookup.usage, request)
            self.uncached += chain.tokens
        else:
            ticket.abort()
        outcome = Outcome(ticket.lookup.usage if ok else None, stop, now, now + 2, ok)
        wake = self.planner.settle(plan, outcome)
        if wake is not None:
            self.wakes.append(wake)
        return plan

    def request(
        self, chain: Chain, now: float, inputs: tuple[str, ...] = ("text",), key: Key = KEY
    ) -> PlannedRequest:
        """As a gateway would make it."""

        def peek(marks: Sequence[Mark]) -> Lookup:
            return self.emulator.peek(replace(chain, marks=tuple(marks)), now)

        places = tuple(range(len(chain.keys)))
        features = Features(inputs, 1, 0)
        return PlannedRequest(
            key,
            chain,
            b"conversation",
            features,
            RULES,
            RATES,
            1024,
            places,
            peek,
            self.mode,
            self.ping_output,
        )


@pytest.fixture
def world() -> World:
    """A cold planner, an empty cache."""
    return World(TrafficPlanner())
