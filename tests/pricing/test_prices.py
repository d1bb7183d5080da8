from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.pricing import (
    Pricer,
    Row,
    UnknownPrice,
    cost,
    cost_without_cache,
    known_models,
    price_of,
    tier_starts,
)
from headstart.pricing.additions import addition_rows
from headstart.pricing.rows import rows
from headstart.usage import Usage


def test_every_row_has_a_source_and_sane_rates() -> None:
    for row in (*addition_rows(), *rows()):
        assert row.source
        assert min(row.input, row.read, row.output) >= 0
        assert row.read <= row.input
        assert row.names(row.model) or row.provider == "bedrock"
    assert len(rows()) > 400


def test_rows_hold_the_published_multipliers() -> None:
    opus = price_of("claude-opus-5-5")
    assert opus.read / opus.input == pytest.approx(0.05)
    assert opus.write_5m == pytest.approx(1.25 * opus.input)
    assert opus.write_1h == pytest.approx(2 * opus.input)
    sol = price_of("gpt-6.1-sol")
    assert sol.write_30m == pytest.approx(1.25 * sol.input)
    assert sol.write_12h == pytest.approx(2.5 * sol.input)
    assert sol.write_5m is None
    kimi = price_of("kimi-k3")
    assert (kimi.write_5m, kimi.write_1h) == (3.0, 6.0)


def test_the_tier_goes_by_the_whole_request() -> None:
    assert price_of("claude-haiku-5-5", 100_000).input == pytest.approx(0.10)
    assert price_of("claude-haiku-5-5", 100_001).input == pytest.approx(0.50)
    assert tier_starts("claude-haiku-5-5") == (0, 100_001)
    pricer = Pricer("anthropic", "claude-haiku-5-5")
    assert pricer.cost(Usage(fresh=100_000)) == pytest.approx(0.01)
    assert pricer.cost(Usage(fresh=1, read=100_000)) == pytest.approx(0.05 / 10 + 0.5e-6)
    assert pricer.uncached(Usage(fresh=1, read=100_000)) == pytest.approx(0.0500005)


def test_a_price_that_changes_is_the_one_of_the_day() -> None:
    before = price_of("gemini-3.8-flash", at=date(2026, 12, 31))
    after = price_of("gemini-3.8-flash", at=date(2027, 1, 1))
    assert (before.input, before.storage) == (0.75, 0.50)
    assert (after.input, after.storage) == (1.50, 1.00)


def test_peak_hours_cost_more() -> None:
    peak = price_of("deepseek-flash", at=datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    off = price_of("deepseek-flash", at=datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
    assert peak.input == pytest.approx(2 * off.input)
    assert off.read == pytest.approx(0.003)


def test_dated_names_and_regions_are_found() -> None:
    assert price_of("claude-opus-5-5-20261001").model == "claude-opus-5-5"
    regional = price_of("us.anthropic.claude-haiku-5-5", provider="bedrock")
    assert regional.input == pytest.approx(0.11)
    listed = price_of("global.anthropic.claude-haiku-5-5", provider="bedrock")
    assert listed.input == pytest.approx(0.10)


def test_an_unknown_model_is_not_guessed_at() -> None:
    with pytest.raises(UnknownPrice, match="claude-nonesuch"):
        price_of("claude-nonesuch")
    with pytest.raises(UnknownPrice, match="at openai"):
        price_of("claude-opus-5-5", provider="openai")
    assert not Pricer("openai", "x" * 10_000_000).known
    assert Pricer(None, "claude-nonesuch").cost(Usage(fresh=1)) is None


def test_the_callers_own_prices_come_first() -> None:
    mine = Row("openai", "gpt-6.1-sol", "^gpt-6", date.min, None, 0, 1, 0.5, 2, None, None, "mine")
    assert price_of("gpt-6.1-sol", overrides=[mine]).source == "mine"
    assert price_of("claude-opus-5-5", overrides=[mine]).provider == "anthropic"


def test_every_provider_of_the_table_is_listed() -> None:
    names = {provider for provider, _ in known_models()}
    assert {"anthropic", "openai", "google", "bedrock", "deepseek", "xai", "qwen"} <= names


_COUNT = st.integers(0, 10**6)


@given(
    st.sampled_from(["claude-opus-5-5", "claude-haiku-5-5", "gpt-6.1-sol", "gpt-5.5", "kimi-k3"]),
    st.lists(_COUNT, min_size=8, max_size=8),
)
def test_the_quick_sums_are_those_of_the_formula(model: str, counts: list[int]) -> None:
    usage = Usage(*counts)
    price = price_of(model, usage.input)
    pricer = Pricer(None, model)
    assert pricer.cost(usage) == pytest.approx(cost(usage, price))
    assert pricer.uncached(usage) == pytest.approx(cost_without_cache(usage, price))
