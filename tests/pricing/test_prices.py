from __future__ import annotations

import pytest

from headstart.pricing import PRICES, Price, UnknownPrice, price_of


@pytest.mark.parametrize("price", PRICES, ids=lambda price: price.model)
def test_every_row_has_a_source_a_date_and_sane_rates(price: Price) -> None:
    assert price.source
    assert price.as_of.year >= 2026
    assert 0 < price.read < price.input < price.output
    writes = [price.write_5m, price.write_1h, price.write_other]
    assert all(rate is None or rate >= price.input for rate in writes)


def test_rows_hold_the_published_multipliers() -> None:
    opus = price_of("claude-opus-5-5")
    assert opus.read / opus.input == pytest.approx(0.05)
    assert opus.write_5m == pytest.approx(1.25 * opus.input)
    assert opus.write_1h == pytest.approx(2 * opus.input)
    sol = price_of("gpt-6.1-sol")
    assert sol.write_other == pytest.approx(1.25 * sol.input)


def test_the_tier_goes_by_the_whole_request() -> None:
    assert price_of("claude-haiku-5-5", 100_000).input == pytest.approx(0.10)
    with pytest.raises(UnknownPrice, match="beyond 100000 input tokens"):
        price_of("claude-haiku-5-5", 100_001)


def test_an_unknown_model_names_those_that_are_known() -> None:
    with pytest.raises(UnknownPrice, match="claude-opus-5-5"):
        price_of("claude-nonesuch")
