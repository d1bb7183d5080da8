"""When an object is worth making, how long it is held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.planner.demand import (
    LEAD,
    STEP,
    Demand,
    Demands,
    Terms,
    best,
    first_ttl,
    patience,
    step,
    worth,
)

PRO = Terms(4.5 / 1.25, 0.1, 1.25e-6, 4096)
FLASH = Terms(0.5 / 0.75, 0.1, 0.75e-6, 4096)


def demand(
    gap: float, uses: int, terms: Terms = FLASH, covered: float = 0.0, tokens: int = 8000
) -> tuple[Demand, float]:
    """Used so many times, every ``gap`` seconds; and the moment of the last use."""
    found = Demand(tokens, 0.0)
    for number in range(1, uses):
        found.use(tokens, int(covered * tokens), terms, number * gap)
    return found, (uses - 1) * gap


@pytest.mark.parametrize(
    ("gap", "uses", "terms", "covered", "made"),
    [
        (60, 1, FLASH, 0.0, False),
        (60, 2, FLASH, 0.0, False),
        (60, 3, FLASH, 0.0, True),
        (60, 9, FLASH, 1.0, False),  # implicit caching reads it anyway
        (60, 3, FLASH, 0.6, False),
        (60, 5, FLASH, 0.6, True),
        (360, 5, FLASH, 0.0, True),
        (360, 5, PRO, 0.0, True),
        (960, 50, PRO, 0.0, False),  # 3.75 reads an hour: storage is dearer
        (7200, 50, FLASH, 0.0, False),
    ],
)
def test_an_object_is_worth_it_once_one_would_have_been(
    gap: float, uses: int, terms: Terms, covered: float, made: bool
) -> None:
    found, now = demand(gap, uses, terms, covered)
    assert (worth(found, terms, now) > 0) == made


def test_a_small_prefix_is_no_object() -> None:
    found, now = demand(60, 9, tokens=4095)
    assert worth(found, FLASH, now) == 0


def test_one_that_was_made_has_to_be_shown_to_pay_anew() -> None:
    found, now = demand(60, 3)
    found.made()
    assert worth(found, FLASH, now) == 0
    found.use(8000, 0, FLASH, now + 60)
    assert worth(found, FLASH, now + 60) == 0
    found.use(8000, 0, FLASH, now + 120)
    assert worth(found, FLASH, now + 120) > 0


def test_the_longest_that_recurs_as_often_is_best() -> None:
    short, now = demand(60, 4)
    long, _ = demand(60, 4, tokens=9000)
    seldom, _ = demand(60, 2, tokens=100_000)
    pairs = [("short", short), ("long", long), ("seldom", seldom)]
    assert best(pairs, FLASH, now) == "long"
    assert best([], FLASH, now) is None


def test_hold() -> None:
    """A quarter of an hour for 2.5 Pro, which the rate may double."""
    once = Demand(8000, 0.0)
    assert patience(once, PRO, 0.0) == pytest.approx(900)
    found, now = demand(600, 12, PRO)
    assert 900 < patience(found, PRO, now) <= 1800
    anyway, now = demand(60, 50, PRO, 0.9)
    assert patience(anyway, PRO, now) < 200
    free = Terms(0.0, 0.1, 1e-6, 1)
    assert patience(once, free, 0.0) == 86_400


def test_steps_of_an_object_that_is_not_used_again() -> None:
    found, now = demand(60, 3)
    hold = patience(found, FLASH, now)
    used, expires = now, now + first_ttl(found, FLASH, now)
    assert expires - now == STEP
    for _ in range(1000):
        what, at = step(found, FLASH, used, expires, now)
        if what == "end":
            break
        if what == "extend":
            assert expires - LEAD <= now < expires
            assert now < at <= now + STEP
            expires = at
        else:
            assert at > now
            now = at
    assert what == "end"
    assert now == pytest.approx(used + hold)
    assert expires <= used + hold + 60.0, "what is bought and not needed is a minute at most"


@given(
    st.floats(0, 1e5),
    st.floats(-1e4, 1e4),
    st.floats(0, 1e5),
    st.integers(1, 20),
    st.floats(1, 1e4),
    st.floats(0, 1),
)
def test_a_step_always_leads_on(
    used: float, lasts: float, now: float, uses: int, gap: float, covered: float
) -> None:
    found, _ = demand(gap, uses, PRO, covered)
    expires = used + lasts
    what, at = step(found, PRO, used, expires, now)
    if what == "look":
        assert at > now
    elif what == "extend":
        assert at >= now + PRO.least_ttl
        assert at <= now + STEP
        assert at > expires
    else:
        assert at == now


@given(st.lists(st.tuples(st.floats(0, 4000), st.floats(0, 1)), max_size=40))
def test_numbers_stay_sane(uses: list[tuple[float, float]]) -> None:
    found, now = Demand(5000, 0.0), 0.0
    for gap, covered in uses:
        now += gap
        found.use(5000, int(5000 * covered), PRO, now)
        assert found.account >= -1
        assert 0 <= found.implicit <= 1
        assert 0 <= found.rate(now) < 1e6
        assert found.rate(now + 3600) <= found.rate(now)


def test_a_clock_that_goes_back() -> None:
    found = Demand(5000, 1000.0)
    found.use(5000, 0, FLASH, 500.0)
    assert found.rate(0.0) > 0
    assert found.account == pytest.approx(-0.1)


def test_what_only_came_by_is_no_use() -> None:
    demands = Demands()
    for number in range(9):
        found = demands.see("whole", 5000, 60.0 * number)
    assert found.account == -1
    for number in range(9, 12):
        found = demands.use("whole", 5000, 0, FLASH, 60.0 * number)
    assert worth(found, FLASH, 720.0) > 0


def test_memory_is_bounded() -> None:
    demands = Demands(limit=10)
    for number in range(100):
        demands.use(number, 5000, 0, FLASH, float(number))
    assert len(demands) == 10
