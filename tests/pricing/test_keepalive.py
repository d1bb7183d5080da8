from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.pricing import (
    exponential,
    least_hazard,
    observed,
    ping_cost,
    ping_pays,
    pings_without_information,
    pings_worth,
)

R = 0.1
FIVE = (300.0, 1.25, R, R)
"""ttl, w, r, rho"""


def test_published_thresholds() -> None:
    assert least_hazard(1.25, R, R) == pytest.approx(0.087, abs=5e-4)
    assert least_hazard(2.0, R, R) == pytest.approx(0.053, abs=5e-4)
    assert pings_without_information(1.25, R, R) == 11
    assert pings_without_information(2.0, R, R) == 19
    assert ping_cost(R, 10_000, 500) == pytest.approx(0.15)
    with pytest.raises(ValueError, match="a prefix of 0"):
        ping_cost(R, 0)


@pytest.mark.parametrize(("mean", "pays"), [(10.9, True), (11.1, False), (1, True), (100, False)])
def test_exponential_gaps_for_ever_or_never(mean: float, pays: bool) -> None:
    within = exponential(mean * 300)
    assert all(ping_pays(k, within, *FIVE) == pays for k in (1, 5, 20))
    assert (pings_worth(within, *FIVE) > 20) == pays
    assert (pings_worth(within, *FIVE) == 0) != pays


def test_a_ping_that_loses_may_lead_to_one_that_gains() -> None:
    lunch = observed([1_000] * 5 + [100] * 5)
    assert [ping_pays(k, lunch, *FIVE) for k in (1, 2, 3)] == [False, False, True]
    assert pings_worth(lunch, *FIVE) == 3


@given(st.lists(st.floats(1, 6_000), min_size=1, max_size=12), st.integers(0, 6))
def test_the_number_of_pings_against_playing_them(gaps: list[float], ended: int) -> None:
    """The naive twin: what each session costs if at most n pings are sent."""
    ttl, w, r, rho = FIVE
    within = observed(gaps, ended)

    def played(n: int) -> float:
        total = 0.0
        for gap in [*gaps, *([math.inf] * ended)]:
            needed = max(0, math.ceil(gap / ttl) - 1) if gap < math.inf else n
            sent = min(n, needed)
            total += sent * rho
            if gap < math.inf:
                total += r if gap <= (n + 1) * ttl else w
        return total

    best = min(played(n) for n in range(25))
    assert played(pings_worth(within, *FIVE)) == pytest.approx(best)


def test_without_information_it_is_twice_the_best_at_most() -> None:
    _, w, r, rho = FIVE
    stop = pings_without_information(w, r, rho)
    for needed in range(60):
        ours = needed * rho + r if needed <= stop else stop * rho + w
        best = min(needed * rho + r, w)
        assert ours <= 2 * best + 1e-9
