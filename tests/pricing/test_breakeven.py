"""Against numbers that were worked out before this code."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.pricing import (
    break_even_hit_rate,
    break_even_last_use,
    expected_cost,
    longer_pays_below,
    multipliers,
    parallel,
    price_of,
    reads_to_repay,
)

W5, W60, R = 1.25, 2.0, 0.1


def test_break_even() -> None:
    assert break_even_hit_rate(W5, R) == pytest.approx(0.217, abs=5e-4)
    assert break_even_hit_rate(W60, R) == pytest.approx(0.526, abs=5e-4)
    assert break_even_last_use(W5, R) == pytest.approx(0.278, abs=5e-4)
    assert break_even_last_use(W60, R) is None
    assert reads_to_repay(W5, R) == 1
    assert reads_to_repay(W60, R) == 2
    assert longer_pays_below(W5, W60, R) == pytest.approx(0.605, abs=5e-4)


def test_automatic_caching_pays_at_once() -> None:
    assert break_even_hit_rate(1, R) == break_even_last_use(1, R) == reads_to_repay(1, R) == 0


@given(st.floats(1, 4), st.floats(0, 0.9), st.floats(0, 1))
def test_writing_pays_exactly_above_break_even(w: float, r: float, hit: float) -> None:
    edge = break_even_hit_rate(w, r)
    if hit > edge + 1e-9:
        assert expected_cost(w, r, hit) < 1
    if hit < edge - 1e-9:
        assert expected_cost(w, r, hit) > 1


@given(st.floats(1, 4), st.floats(0, 0.9))
def test_reads_to_repay_is_the_least_number_that_does(w: float, r: float) -> None:
    n = reads_to_repay(w, r)
    assert w + n * r <= 1 + n + 1e-6
    if n:
        assert w + (n - 1) * r > n - 1e-6


@given(st.floats(0.001, 1), st.floats(0, 1))
def test_the_longer_lifetime_by_the_shares_of_gaps(short: float, part: float) -> None:
    """``short`` of the gaps are longer than 5 m, ``part`` of these longer than 1 h; what a
    miss costs more than a read is what a lifetime is to avoid."""
    edge = longer_pays_below(W5, W60, R)
    five = expected_cost(W5, R, 1 - short) - R
    hour = expected_cost(W60, R, 1 - short * part) - R
    if abs(part - edge) > 1e-6:
        assert (hour < five) == (part < edge)


def test_a_leader() -> None:
    ten = parallel(10, W5, R)
    assert ten.together == pytest.approx(12.5)
    assert ten.leader_first == pytest.approx(2.15)
    assert ten.factor == pytest.approx(5.8, abs=0.05)
    assert parallel(1, W5, R).factor == 1
    with pytest.raises(ValueError, match="0 requests"):
        parallel(0, W5, R)


def test_what_models_sell() -> None:
    opus = multipliers(price_of("claude-opus-5-5"))
    assert [m.lifetime for m in opus] == ["5m", "1h"]
    assert opus[0] == ("5m", pytest.approx(1.25), pytest.approx(0.05))
    sol = multipliers(price_of("gpt-6.1-sol"))
    assert [(m.lifetime, m.write) for m in sol] == [("30m", 1.25), ("12h", 2.5)]
    (automatic,) = multipliers(price_of("gpt-5.5"))
    assert automatic == ("automatic", 1.0, pytest.approx(0.1))
    (deepseek,) = multipliers(replace(price_of("deepseek-flash"), input=0.14, read=0.014))
    assert deepseek == ("automatic", 1.0, pytest.approx(0.1))
    assert multipliers(replace(price_of("gpt-5.5"), read=5.0)) == ()
    assert multipliers(replace(price_of("gpt-5.5"), input=0.0, read=0.0)) == ()
