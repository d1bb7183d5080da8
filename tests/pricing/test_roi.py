from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.pricing import PRESETS, Workload, price_of, roi, sensitivity

OPUS = price_of("claude-opus-5-5")
SONNET_LIKE = replace(OPUS, input=3.0, read=0.30, write_5m=3.75, write_1h=6.0, output=15.0)


def test_a_hundred_thousand_calls_a_day() -> None:
    best, *_ = roi(Workload(4_500, 150, 400, 100_000), SONNET_LIKE)
    assert best.lifetime == "5m"
    assert best.uncached == pytest.approx(1_995)
    assert best.cost == pytest.approx(780, abs=0.05)
    assert best.saving == pytest.approx(1_215, abs=0.05)
    assert best.days_to_repay(12_150) == pytest.approx(10, abs=0.01)


def test_rare_calls_are_better_left_alone() -> None:
    best, *others = roi(Workload(4_500, 150, 400, 10), SONNET_LIKE)
    assert best.lifetime is None
    assert best.saving == 0
    assert best.days_to_repay(1) is None
    assert all(one.saving < 0 for one in others)


def test_calls_every_quarter_of_an_hour_want_the_long_lifetime() -> None:
    best, *_ = roi(Workload(20_000, 100, 100, 96), SONNET_LIKE)
    assert best.lifetime == "1h"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_save_about_what_was_published(name: str) -> None:
    preset = PRESETS[name]
    low, high = preset.cost_reduction
    best, *_ = roi(preset.workload, SONNET_LIKE)
    assert low - 0.1 <= best.saved_share <= high + 0.1


@given(
    st.builds(
        Workload,
        st.integers(1, 10**6),
        st.integers(0, 10**5),
        st.integers(0, 10**4),
        st.floats(0.1, 10**6),
        st.integers(1, 1000),
        st.floats(0.5, 24),
    ),
    st.sampled_from(["claude-opus-5-5", "gpt-6.1-sol", "gpt-5.5", "kimi-k3", "deepseek-flash"]),
)
def test_the_best_never_loses_and_the_order_is_by_cost(workload: Workload, model: str) -> None:
    found = roi(workload, price_of(model))
    assert found[0].saving >= 0
    assert [one.cost for one in found] == sorted(one.cost for one in found)
    assert all(0 <= one.hit <= 1 for one in found)


def test_more_calls_save_a_greater_share() -> None:
    curve = sensitivity(
        PRESETS["rag"].workload, lambda n: OPUS, "calls_per_day", [10, 100, 1_000, 10_000]
    )
    shares = [found[0].saved_share for _, found in curve]
    assert shares == sorted(shares)
    assert shares[0] < 0.05 < 0.5 < shares[-1]


def test_the_price_follows_the_size() -> None:
    seen: list[int] = []

    def price(tokens: int) -> object:
        seen.append(tokens)
        return price_of("claude-haiku-5-5", tokens)

    sensitivity(Workload(1, 500, 1, 1), price, "prefix", [1_000.4, 200_000])  # type: ignore[arg-type]
    assert seen == [1_500, 200_500]


@pytest.mark.parametrize(
    "wrong",
    [
        {"prefix": 0},
        {"prefixes": 0},
        {"suffix": -1},
        {"calls_per_day": 0},
        {"calls_per_day": float("nan")},
        {"busy_hours": 25},
    ],
)
def test_no_such_workload(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Workload"):
        replace(PRESETS["chat"].workload, **wrong)  # type: ignore[arg-type]
