"""Worked numbers: each was computed by hand, or published, before this code."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.pricing import Price, cost, cost_without_cache, known_models, price_of
from headstart.usage import Usage

UNITS = replace(
    price_of("claude-opus-5-5"), input=1e6, read=1e5, write_5m=1.25e6, write_1h=2e6, output=0.0
)
"""Prices in units of one base input token: w = 1.25 and 2, r = 0.1."""
SONNET_LIKE = replace(UNITS, input=3.0, read=0.30, write_5m=3.75, write_1h=6.0, output=15.0)


def test_a_prefix_pays_from_its_second_call_on() -> None:
    first = Usage(write_5m=8_000, fresh=500)
    hit = Usage(read=8_000, fresh=500)
    assert cost(first, UNITS) == pytest.approx(10_500)
    assert cost(hit, UNITS) == pytest.approx(1_300)
    assert cost_without_cache(hit, UNITS) == pytest.approx(8_500)
    assert cost(first, UNITS) > cost_without_cache(first, UNITS)
    assert cost(first, UNITS) + cost(hit, UNITS) < 2 * cost_without_cache(hit, UNITS)


def test_a_hundred_thousand_calls_a_day() -> None:
    write = cost(Usage(write_5m=4_500, fresh=150, output=400), SONNET_LIKE)
    hit = cost(Usage(read=4_500, fresh=150, output=400), SONNET_LIKE)
    uncached = cost_without_cache(Usage(read=4_500, fresh=150, output=400), SONNET_LIKE)
    calls, rewrites = 100_000, 24 * 12
    assert calls * uncached == pytest.approx(1_995)
    assert calls * hit == pytest.approx(780)
    assert calls * (uncached - hit) == pytest.approx(1_215)
    assert write + (calls - 1) * hit == pytest.approx(780.02, abs=0.005)
    assert rewrites * write + (calls - rewrites) * hit == pytest.approx(784.47, abs=0.005)


@pytest.mark.parametrize(
    ("first", "dollars"),
    [
        (Usage(write_5m=50_000), 15.1725),
        (Usage(write_1h=50_000), 15.285),
        (Usage(fresh=50_000), 15.135),
    ],
)
def test_one_write_and_999_reads(first: Usage, dollars: float) -> None:
    total = cost(first, SONNET_LIKE) + 999 * cost(Usage(read=50_000), SONNET_LIKE)
    assert total == pytest.approx(dollars)
    assert 1_000 * cost_without_cache(first, SONNET_LIKE) == pytest.approx(150)


_COUNTS = st.integers(0, 10**6)
LISTED = [price_of(model, provider=provider) for provider, model in known_models()]


@given(st.sampled_from(LISTED), _COUNTS, _COUNTS, _COUNTS)
def test_reading_never_costs_more_than_processing(
    price: Price, fresh: int, read: int, output: int
) -> None:
    usage = Usage(fresh=fresh, read=read, output=output)
    assert cost(usage, price) <= cost_without_cache(usage, price) * (1 + 1e-12)


def test_a_lifetime_that_is_not_sold_costs_the_shortest_that_is() -> None:
    openai = price_of("gpt-6.1-sol")
    million = 1_000_000
    assert cost(Usage(write_5m=million), openai) == pytest.approx(2.5)
    assert cost(Usage(write_30m=million), openai) == pytest.approx(2.5)
    assert cost(Usage(write_other=million), price_of("claude-opus-5-5")) == pytest.approx(5.0)
    free = replace(openai, write_30m=None, write_12h=None)
    assert cost(Usage(write_1h=million), free) == pytest.approx(2.0)
