"""A plan from when it is made until its request is over."""

from __future__ import annotations

from typing import NamedTuple

from headstart.planner.bill import units
from headstart.planner.contract import Outcome, Plan, PlannedRequest
from headstart.planner.facts import Fact, Teller
from headstart.planner.held import Held
from headstart.planner.keepalive import Kept
from headstart.planner.memory import scope_of


class Pending(NamedTuple):
    """What settling it will need."""

    request: PlannedRequest
    plan: Plan
    now: float
    written: tuple[bytes, ...] = ()
    read: bytes | None = None
    short: int = 0
    """Tokens up to the last breakpoint, written or read."""
    long: int = 0
    """Of these, tokens that a long entry protects, until ``long_until``."""
    long_until: float = 0.0
    teller: Teller | None = None

    @property
    def kept(self) -> Kept:
        """Its prompt, as one that may be kept warm."""
        request = self.request
        return Kept(
            request.key,
            request.features,
            request.rates,
            scope_of(request.key) + request.chain.keys[request.markable[-1]],
            request.chain.tokens,
            self.short,
            self.long,
            self.long_until,
            self.now,
            request.ping_output,
        )

    def fact(self, teller: Teller, outcome: Outcome, held: Held) -> Fact:
        """What others are told of it once it is over, ``held`` being the entries then."""
        spent = [(self.plan.expected_cost, self.plan.uncached_cost)]
        written: list[tuple[bytes, float]] = []
        gone: list[bytes] = []
        if not outcome.ok:
            spent.append((-self.plan.expected_cost, -self.plan.uncached_cost))
            return teller.fact(self.request, self.now, spent=spent)
        if (actual := outcome.usage) is not None:
            cost = units(actual, self.request) - self.plan.expected_cost
            spent.append((cost, actual.input - self.plan.uncached_cost))
        for name in (*self.written, *([self.read] if self.read else ())):
            entry = held.get(name)
            if entry is not None:
                written.append((name, entry.ttl))
            elif name == self.read:
                gone.append(name)
        pause = (self.kept.digest, outcome.stop or "") if self.short else None
        return teller.fact(
            self.request, self.now, written=written, gone=gone, pause=pause, spent=spent
        )
