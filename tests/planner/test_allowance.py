"""Money by the period: never more, whatever is given back."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.planner import Allowance, Grant

_events = st.lists(
    st.tuples(st.floats(0, 2), st.floats(0, 40), st.floats(0, 1)), min_size=1, max_size=60
)


@given(_events)
def test_no_period_spends_more(events: list[tuple[float, float, float]]) -> None:
    """Each event takes, time goes by, and a share of an earlier grant comes back."""
    allowance, now = Allowance(5.0, 100.0), 0.0
    spent: dict[float, float] = {}
    held: list[Grant] = []
    for usd, seconds, share in events:
        grant = allowance.take(usd, now)
        if grant is not None:
            spent[grant.since] = spent.get(grant.since, 0.0) + usd
            held.append(grant)
        now += seconds
        if held and share < 0.5:
            given = held.pop(0)
            allowance.settle(given, given.usd * share)
            spent[given.since] -= given.usd * (1 - share)
    assert all(sum_ <= 5.0 + 1e-9 for sum_ in spent.values())
    assert all(later - earlier >= 100.0 for earlier, later in pairwise(spent))


def test_an_earlier_period_gives_nothing_to_this_one() -> None:
    allowance = Allowance(1.0, 60.0)
    first = allowance.take(1.0, 0.0)
    assert first is not None
    assert allowance.take(0.1, 59.0) is None
    assert allowance.take(1.0, 60.0) is not None
    allowance.settle(first, 0.0)
    assert allowance.take(0.1, 61.0) is None
    assert allowance.refused == 2


def test_what_cost_more_is_taken_from_this_one() -> None:
    allowance = Allowance(1.0, 60.0)
    grant = allowance.take(0.5, 0.0)
    assert grant is not None
    allowance.settle(grant, 0.9)
    assert allowance.take(0.2, 1.0) is None


def test_nonsense() -> None:
    for usd, seconds in ((-1.0, 1.0), (1.0, 0.0), (float("nan"), 1.0)):
        with pytest.raises(ValueError, match="USD"):
            Allowance(usd, seconds)
    assert Allowance(1.0, 1.0).take(-1.0, 0.0) is None
    assert Allowance(1.0, 1.0).take(float("nan"), 0.0) is None


def test_a_clock_that_is_set_back_makes_no_period_longer() -> None:
    allowance = Allowance(1.0, 60.0)
    assert allowance.take(1.0, 1e9)
    assert allowance.take(1.0, 100.0) is None
    assert allowance.take(1.0, 159.0) is None
    assert allowance.take(1.0, 160.0)
