from __future__ import annotations

from datetime import date

import pytest

from headstart.pricing import Pricer
from headstart.providers import BreakpointEmulator, rules_for
from headstart.server.emulate import emulated_accounts
from headstart.server.emulate.accounts import MOST_MODELS
from headstart.server.gateway.models import Models, rates_of

DAY = date(2026, 11, 20)


def models() -> Models:
    return Models(emulated_accounts(DAY))


def test_a_model_is_made_once() -> None:
    known = models()
    assert known.get("anthropic", "claude-opus-5") is known.get("anthropic", "claude-opus-5")


def test_rules_prices_and_minimum_are_a_days() -> None:
    found = models().get("anthropic", "claude-opus-5")
    assert isinstance(found.emulator, BreakpointEmulator)
    assert found.minimum == 512
    assert found.rates.read == pytest.approx(0.1)
    assert found.rates.writes == ((300.0, pytest.approx(1.25)), (3600.0, pytest.approx(2.0)))
    assert found.rates.output == pytest.approx(5)
    assert found.rates.usd == pytest.approx(5e-6)


def test_without_a_price_nothing_is_sold() -> None:
    rules = rules_for("anthropic", "claude-unknown-9", DAY)[0]
    found = rates_of(rules, Pricer("anthropic", "claude-unknown-9", DAY))
    assert (found.writes, found.usd) == ((), 0.0)


def test_an_unknown_provider() -> None:
    with pytest.raises(KeyError):
        models().get("nobody", "m")


def test_clients_name_models_and_memory_is_bounded() -> None:
    known = models()
    for number in range(MOST_MODELS + 20):
        known.get("deepseek", f"m{number}")
    assert len(known._models) == MOST_MODELS
