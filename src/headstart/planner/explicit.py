"""Explicit cache objects: what to make one of, how long to hold it, within what may be spent.

Two limits hold whatever the traffic is: the route's budget in USD, and the regret budget of
each key: what objects cost beyond what they save stays within 1% of the requests' own price
and a fixed credit. Decisions only: no I/O and no clock.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from headstart.planner.allowance import Allowance, Grant
from headstart.planner.budget import CREDIT, Budgets
from headstart.planner.contract import Key
from headstart.planner.demand import Demand, Demands, Step, Terms, best, first_ttl, step

MARGIN = 1.1
"""What is set aside for an object over its estimate: how many tokens it has, the provider
says."""


class Prefix(NamedTuple):
    """What an object could hold of one request."""

    name: Hashable
    """The same for the same bytes of the same tenant, credential and model."""
    tokens: int
    readable: bool = True
    """The request could read an object of it. One of all that it asks only a longer one can."""


class Making(NamedTuple):
    """An object that is to be made, its price set aside."""

    key: Key
    prefix: Prefix
    ttl: float
    terms: Terms
    demand: Demand
    grant: Grant
    allowance: Allowance


@dataclass(slots=True, eq=False)
class Lease:
    """An object that there is."""

    making: Making
    tokens: int
    used: float
    expires: float
    grant: Grant
    """For the time that was bought last."""


class ExplicitPlanner:
    """Not safe across threads. Memory is bounded; leases are the caller's to hold."""

    def __init__(self, credit: float = CREDIT) -> None:
        """``credit``: tokens of plain input, for each key."""
        self._demands = Demands()
        self._budgets = Budgets(credit)

    def answered(
        self,
        key: Key,
        prefixes: Sequence[Prefix],
        total: int,
        read: int,
        lease: Lease | None,
        terms: Terms,
        now: float,
    ) -> list[Demand]:
        """Learn from a request of ``total`` tokens that read ``read`` of them, through an
        object or not: the demand for each of its prefixes."""
        budget = self._budgets.of(key)
        saved = 0.0
        if lease is not None:
            lease.making.demand.served(now)
            missed = 1 - lease.making.demand.implicit
            saved = min(lease.tokens, read) * (1 - terms.read) * missed
        budget.spend(total - saved, total)
        return [self._met(prefix, read, lease, terms, now) for prefix in prefixes]

    def _met(
        self, prefix: Prefix, read: int, lease: Lease | None, terms: Terms, now: float
    ) -> Demand:
        if lease is not None and prefix.name == lease.making.prefix.name:
            return lease.making.demand
        if not prefix.readable:
            return self._demands.see(prefix.name, prefix.tokens, now)
        return self._demands.use(prefix.name, prefix.tokens, min(read, prefix.tokens), terms, now)

    def wanted(
        self,
        key: Key,
        candidates: Sequence[tuple[Prefix, Demand]],
        terms: Terms,
        allowance: Allowance,
        now: float,
    ) -> Making | None:
        """The object to make now, if one is worth it and can be afforded."""
        chosen = best(((pair, pair[1]) for pair in candidates), terms, now)
        if chosen is None:
            return None
        prefix, demand = chosen
        ttl = first_ttl(demand, terms, now)
        price = MARGIN * terms.making(prefix.tokens, ttl)
        budget = self._budgets.of(key)
        if price > budget.room(0.0) * terms.usd:
            return None
        grant = allowance.take(price, now)
        if grant is None:
            return None
        budget.spend(price / terms.usd, 0.0)
        return Making(key, prefix, ttl, terms, demand, grant, allowance)

    def made(self, making: Making, tokens: int, asked: float) -> Lease:
        """It was made of so many tokens, by a request that went out at ``asked``."""
        price = making.terms.making(tokens, making.ttl)
        self._spend(making, price - making.grant.usd)
        grant = making.allowance.settle(making.grant, price)
        making.demand.made()
        return Lease(making, tokens, asked, asked + making.ttl, grant)

    def unmade(self, making: Making) -> None:
        """The provider refused: it costs nothing."""
        self._spend(making, -making.grant.usd)
        making.allowance.settle(making.grant, 0.0)

    def step(self, lease: Lease, now: float) -> Step:
        """What to do about an object. A wish to extend it has its price set aside, and turns
        into its end where that can't be afforded."""
        making = lease.making
        found = step(making.demand, making.terms, lease.used, lease.expires, now)
        if found.what != "extend":
            return found
        price = making.terms.holding(lease.tokens, found.at - lease.expires)
        room = self._budgets.of(making.key).room(0.0) * making.terms.usd
        grant = making.allowance.take(price, now) if price <= room else None
        if grant is None:
            return Step("look", lease.expires)
        self._spend(making, price)
        lease.grant = grant
        return found

    def unextended(self, lease: Lease) -> None:
        """The provider refused to extend it."""
        self._spend(lease.making, -lease.grant.usd)
        lease.grant = lease.making.allowance.settle(lease.grant, 0.0)

    def ended(self, lease: Lease, now: float) -> None:
        """It was deleted, or ended by itself: time that was bought and not used comes back,
        as far as it was bought last."""
        making = lease.making
        left = making.terms.holding(lease.tokens, lease.expires - now)
        back = min(left, lease.grant.usd)
        if back > 0:
            self._spend(making, -back)
            making.allowance.settle(lease.grant, lease.grant.usd - back)

    def _spend(self, making: Making, usd: float) -> None:
        self._budgets.of(making.key).spend(usd / making.terms.usd, 0.0)
