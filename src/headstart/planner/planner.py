"""The planner: learns from traffic, chooses by expected cost, spends within a budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

from headstart.planner.bill import planned_usage, units
from headstart.planner.budget import CREDIT, Budgets
from headstart.planner.choice import Choice, Prices, choose
from headstart.planner.contract import Outcome, Plan, PlannedRequest, Planner, Reason, Wake
from headstart.planner.facts import Fact, Teller
from headstart.planner.gaps import Classes
from headstart.planner.keepalive import KeepAlive
from headstart.planner.memory import Memory, Met
from headstart.planner.pending import Pending
from headstart.planner.places import candidates, directives
from headstart.planner.routing import Routing, family_of
from headstart.prompt import Mark
from headstart.usage import Usage

MOST_PENDING: Final = 1024
"""Requests under way, or never settled: each keeps its chain."""


class _Chosen(NamedTuple):
    """What was decided for one request. Segments; -1: not."""

    read: int
    long: int
    short: int
    reason: Reason
    marks: tuple[Mark, ...]
    found: list[tuple[int, str]]


class TrafficPlanner(Planner):
    """See ``Planner``. ``credit``: units of input of the regret budget, for each key."""

    def __init__(self, credit: float = CREDIT) -> None:
        classes = Classes()
        self._memory = Memory(classes)
        self._budgets = Budgets(credit)
        self._keepalive = KeepAlive(classes)
        self._routing = Routing()
        self.tell: Callable[[Fact], None] | None = None
        """Gets a fact of each request once nothing more will be known of it, and of each
        ping, for other planners of the same traffic to ``learn``."""
        self._pending: OrderedDict[int, Pending] = OrderedDict()
        self._serial = 0
        self._now = -inf

    def plan(self, request: PlannedRequest, now: float) -> Plan:
        tokens = request.chain.tokens
        if request.mode == "off":
            return Plan((), False, None, Reason.OFF, tokens, tokens, Usage(tokens))
        self._now = now = max(now, self._now)
        self._serial += 1
        ended = self._keepalive.meet(request, now)
        met = self._memory.meet(request, now)
        teller = Teller(ended, met.used) if self.tell is not None else None
        if not _ours(request):
            return self._left(request, now, teller, Reason.AUTOMATIC)
        if request.chain.marks and request.mode == "plan":
            return self._left(request, now, teller, Reason.CLIENT)
        chosen = self._choose(request, met, now)
        if teller is not None:
            teller.watched = [(request.chain.keys[s], kind) for s, kind in chosen.found]
        if request.mode == "observe":
            return self._left(request, now, teller, chosen.reason, chosen.marks)
        return self._planned(request, met, chosen, now, teller)

    def settle(self, plan: Plan, outcome: Outcome) -> Wake | None:
        pending = self._pending.pop(plan.serial, None)
        if pending is None:
            return None
        request, held = pending.request, self._memory.held
        budget = self._budgets.of(request.key)
        if not outcome.ok:
            budget.spend(-pending.plan.expected_cost, -pending.plan.uncached_cost)
            for digest in pending.written:
                held.drop(digest)
            self._tell(pending, outcome)
            return None
        wake = self._settled(plan.serial, pending, outcome)
        self._tell(pending, outcome)
        return wake

    def learn(self, fact: Fact, now: float) -> None:
        """Take in what another planner told of its traffic: the next plan is the one that
        would be made had the request come here. A time ahead of ``now`` counts as now."""
        at = min(fact.at, now)
        self._keepalive.learn(fact, at)
        self._memory.learn(fact, at)
        if fact.family is not None:
            self._routing.count(fact.key.tenant, fact.family, at)
        if fact.spent:
            budget = self._budgets.of(fact.key)
            for cost, uncached in fact.spent:
                budget.spend(cost, uncached)

    def _settled(self, serial: int, pending: Pending, outcome: Outcome) -> Wake | None:
        request, held = pending.request, self._memory.held
        budget, actual = self._budgets.of(request.key), outcome.usage
        if actual is not None:
            cost = units(actual, request) - pending.plan.expected_cost
            budget.spend(cost, actual.input - pending.plan.uncached_cost)
            if pending.read is not None and not actual.read:
                held.drop(pending.read)
        if not pending.short:
            return None
        return self._keepalive.answered(serial, pending.kept, outcome)

    def _tell(self, pending: Pending, outcome: Outcome) -> None:
        """A request is over: all that others do not know of it."""
        if self.tell is not None and pending.teller is not None:
            self.tell(pending.fact(pending.teller, outcome, self._memory.held))

    def due(self, wake: Wake, now: float) -> bool:
        self._now = now = max(now, self._now)
        found = self._keepalive.price(wake, now)
        if found is None:
            return False
        key, price = found
        budget = self._budgets.of(key)
        if price > budget.room(0.0):
            self._keepalive.stop(wake.serial)
            return False
        budget.spend(price, 0.0)
        if self.tell is not None:
            self.tell(Fact(key, now, spent=[(price, 0.0)]))
        return True

    def pinged(self, wake: Wake, outcome: Outcome) -> Wake | None:
        return self._keepalive.pinged(wake, outcome)

    def _left(
        self,
        request: PlannedRequest,
        now: float,
        teller: Teller | None,
        reason: Reason,
        advice: tuple[Mark, ...] = (),
    ) -> Plan:
        """Nothing of ours is added; what the traffic does is learned all the same."""
        usage = request.peek(request.chain.marks).usage
        if request.markable and not advice:
            self._memory.watch(request, now, [(request.markable[-1], "end")])
            if teller is not None:
                teller.watched = [(request.chain.keys[request.markable[-1]], "end")]
        automatic = reason is Reason.AUTOMATIC and request.mode != "observe"
        cache_key = self._routing.key(request, now) if automatic else None
        if self.tell is not None and teller is not None:
            teller.family = family_of(request) if cache_key is not None else None
            self.tell(teller.fact(request, now))
        return Plan(
            (),
            False,
            cache_key,
            reason,
            units(usage, request),
            request.chain.tokens,
            usage,
            advice,
            self._serial,
        )

    def _choose(self, request: PlannedRequest, met: Met, now: float) -> _Chosen:
        chain, memory = request.chain, self._memory
        lookup = request.peek(_asking(request, met.prior))
        read, parted = lookup.usage.read, lookup.divergence
        branch = parted.segment if parted is not None else None
        found = candidates(request, read, branch)
        places = [memory.place(request, s, kind, read, met, now) for s, kind in found]
        memory.watch(request, now, found)
        prices = Prices.of(request.rates)
        room = self._budgets.of(request.key).room(chain.tokens)
        choice = choose(places, read, chain.tokens, prices, room)
        long = found[choice.long][0] if choice.long >= 0 else -1
        short = found[choice.short][0] if choice.short >= 0 else -1
        extra = [segment for segment, _ in reversed(found) if chain.ends[segment] > read]
        marks = directives(request, read, long, short, extra)
        if found and short < 0:
            refused = choose(places, read, chain.tokens, prices, inf).short >= 0
            reason = Reason.BUDGET if refused else Reason.NOT_WORTH
        else:
            reason = _reason(choice)
        return _Chosen(read, long, short, reason, marks, found)

    def _planned(
        self,
        request: PlannedRequest,
        met: Met,
        chosen: _Chosen,
        now: float,
        teller: Teller | None,
    ) -> Plan:
        chain, read = request.chain, chosen.read
        ends = chain.ends
        usage = planned_usage(request, read, chosen.long, chosen.short)
        cost = units(usage, request)
        self._budgets.of(request.key).spend(cost, chain.tokens)
        plan = Plan(
            chosen.marks,
            bool(chain.marks),
            None,
            chosen.reason,
            cost,
            chain.tokens,
            usage,
            (),
            self._serial,
        )
        top = ends[chosen.long] if chosen.long >= 0 else 0
        long = (top, now + request.rates.writes[-1][0]) if top else (met.protected, met.expiry)
        self._pending[self._serial] = Pending(
            request,
            plan,
            now,
            self._memory.write(request, chosen.marks, read, now),
            self._memory.read(request, read) if read else None,
            max(ends[chosen.short] if chosen.short >= 0 else 0, read),
            *long,
            teller,
        )
        if len(self._pending) > MOST_PENDING:
            self._pending.popitem(last=False)
        return plan


def _ours(request: PlannedRequest) -> bool:
    """Whether there is anything for us to mark, and we can tell what it would do."""
    rules, controls = request.rules, request.chain.controls
    if not (rules.marker and rules.most_markers and request.rates.writes and request.markable):
        return False
    if rules.implicit in ("default", "always") and controls.mode != "explicit":
        return False
    return controls.continues is None and controls.resource is None


def _asking(request: PlannedRequest, prior: int | None) -> tuple[Mark, ...]:
    """Marks under which everything that may be there is found."""
    chain, markable = request.chain, request.markable
    asked = {markable[-1]}
    for segment in (prior, chain.tools - 1, chain.system - 1):
        if segment is not None and segment in markable:
            asked.add(segment)
    latest = sorted(asked)[-request.rules.most_markers :]
    return tuple(Mark(segment, request.rates.writes[0][0]) for segment in latest)


def _reason(choice: Choice) -> Reason:
    if choice.short < 0:
        return Reason.TOO_SHORT
    if choice.long < 0:
        return Reason.SHORT
    return Reason.LONG if choice.long == choice.short else Reason.MIXED
