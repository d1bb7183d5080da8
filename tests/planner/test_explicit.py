"""Objects within their limits, on any traffic."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.planner import Allowance, ExplicitPlanner, Key, Lease, Prefix, Terms

KEY = Key("tenant", "gemini", "gemini-2.5-pro")
TERMS = Terms(4.5 / 1.25, 0.1, 1.25e-6, 4096)
CREDIT = 50_000.0


@dataclass
class World:
    """Prefixes by number, each of 5,000 tokens and 500 more for the question."""

    usd: float = 10.0
    tokens: int = 5000
    real: float = 1.0
    """Tokens that the provider counts for one that we do."""
    planner: ExplicitPlanner = field(default_factory=lambda: ExplicitPlanner(CREDIT))
    live: dict[int, Lease] = field(default_factory=dict)
    now: float = 0.0
    paid: float = 0.0
    """Tokens of plain input, for requests and for objects."""
    uncached: float = 0.0
    objects: float = 0.0
    """USD for objects alone."""
    made: int = 0
    implicit: float = 0.0

    def __post_init__(self) -> None:
        self.allowance = Allowance(self.usd, 86_400.0)

    def go(self, seconds: float) -> None:
        """Time goes by; objects are looked at as they ask to be."""
        end = self.now + seconds
        while True:
            looks = {n: self.planner.step(lease, self.now) for n, lease in self.live.items()}
            for number, found in looks.items():
                lease = self.live[number]
                if found.what == "extend":
                    self._store(lease, found.at - lease.expires)
                    lease.expires = found.at
                elif found.what == "end":
                    self._store(lease, min(0.0, self.now - lease.expires))
                    self.planner.ended(lease, self.now)
                    del self.live[number]
            ahead = [found.at for found in looks.values() if found.what == "look"]
            if any(found.what != "look" for found in looks.values()):
                continue
            if not ahead or min(ahead) > end:
                break
            self.now = min(ahead)
        self.now = end

    def ask(self, number: int) -> None:
        """A request with that prefix."""
        lease = self.live.get(number)
        total = self.tokens + 500
        read = self.tokens if lease else int(self.implicit * self.tokens)
        if lease is not None:
            lease.used = self.now
        self.paid += total - read * (1 - TERMS.read)
        self.uncached += total
        prefix = Prefix(number, self.tokens)
        demands = self.planner.answered(KEY, [prefix], total, read, lease, TERMS, self.now)
        if lease is not None:
            return
        wanted = self.planner.wanted(KEY, [(prefix, demands[0])], TERMS, self.allowance, self.now)
        if wanted is None:
            return
        tokens = round(self.tokens * self.real)
        self.live[number] = self.planner.made(wanted, tokens, self.now)
        self.made += 1
        self._charge(TERMS.making(tokens, wanted.ttl))

    def _store(self, lease: Lease, seconds: float) -> None:
        price = TERMS.holding(lease.tokens, abs(seconds))
        self._charge(price if seconds > 0 else -price)

    def _charge(self, usd: float) -> None:
        self.objects += usd
        self.paid += usd / TERMS.usd


def test_steady_traffic_is_cheaper() -> None:
    world = World()
    for _ in range(60):
        world.ask(1)
        world.go(120)
    assert world.made == 1
    assert world.paid < 0.45 * world.uncached


def test_implicit_hits_leave_nothing_to_gain() -> None:
    world = World(implicit=0.95)
    for _ in range(60):
        world.ask(1)
        world.go(30)
    assert world.made == 0


def test_a_budget_that_is_used_up() -> None:
    one = TERMS.making(5000, 300) * 1.1
    world = World(usd=one * 1.5)
    for _ in range(20):
        world.ask(1)
        world.ask(2)
        world.go(60)
    assert world.made == 1
    assert world.allowance.refused
    assert world.objects <= one * 1.5


def test_refusals_cost_nothing() -> None:
    planner, allowance = ExplicitPlanner(CREDIT), Allowance(1.0, 86_400.0)
    prefix = Prefix("p", 5000)
    for number in range(3):
        demands = planner.answered(KEY, [prefix], 5500, 0, None, TERMS, 60.0 * number)
    wanted = planner.wanted(KEY, [(prefix, demands[0])], TERMS, allowance, 120.0)
    assert wanted is not None
    assert allowance.spent > 0
    planner.unmade(wanted)
    assert allowance.spent == 0
    lease = planner.made(wanted._replace(grant=allowance.take(0.5, 120.0)), 5000, 120.0)  # type: ignore[arg-type]
    assert lease.expires == 420.0
    assert planner.step(lease, 370.0).what == "extend"
    before = allowance.spent
    planner.unextended(lease)
    assert allowance.spent < before


def test_a_key_pays_back_before_it_may_go_on() -> None:
    """Three quick requests and silence, for ever: what one would be caught by."""
    world = World(usd=1e9)
    for number in range(400):
        for _ in range(3):
            world.ask(number)
            world.go(1)
        world.go(7200)
    assert world.made > 2
    assert world.paid <= 1.01 * world.uncached + CREDIT


_traffic = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from([0.0, 1.0, 30.0, 200.0, 400.0, 2000.0, 30_000.0])),
    max_size=150,
)


@given(
    _traffic,
    st.floats(0, 0.5),
    st.sampled_from([0.0, 0.3, 0.9]),
    st.sampled_from([0.6, 1.0, 1.1]),
)
@settings(deadline=None, max_examples=60)
def test_never_more_than_the_budget_nor_than_regret_allows(
    traffic: list[tuple[int, float]], usd: float, implicit: float, real: float
) -> None:
    world = World(usd=usd, implicit=implicit, real=real)
    days: set[int] = set()
    for number, gap in traffic:
        world.ask(number)
        world.go(gap)
        days.add(int(world.now // 86_400))
    periods = world.now // 86_400 + 1
    assert world.objects <= usd * periods + 1e-9
    assert world.allowance.spent <= usd + 1e-9
    assert world.paid <= 1.01 * world.uncached + CREDIT + 1e-6


@pytest.mark.parametrize("gap", [100.0, 500.0])
def test_an_end_before_its_time_gives_back_what_is_left(gap: float) -> None:
    world = World()
    for _ in range(3):
        world.ask(1)
        world.go(10)
    lease = world.live[1]
    world.go(gap)
    before, left = world.allowance.spent, lease.expires - world.now
    world.planner.ended(lease, world.now)
    back = TERMS.holding(lease.tokens, left)
    assert before - world.allowance.spent == pytest.approx(min(back, lease.grant.usd))
    assert back > 0
