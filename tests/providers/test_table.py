from __future__ import annotations

from dataclasses import fields
from datetime import date

import pytest

from headstart.prompt import Kind
from headstart.providers import (
    Rules,
    UnknownProvider,
    minimum_of,
    provider_of_model,
    providers,
    rows_of,
    rules_for,
    with_knobs,
)
from tests.providers.prompts import TODAY

ALL = [row for provider in providers() for row in rows_of(provider)]
HOSTED = ("anthropic", "azure", "bedrock", "deepseek", "gemini", "groq", "kimi", "mistral")
OTHERS = ("openai", "openrouter", "qwen", "sglang", "tgi", "vertex", "vllm", "xai")


def test_all_providers_are_there() -> None:
    assert set(providers()) >= {*HOSTED, *OTHERS}


@pytest.mark.parametrize("row", ALL, ids=lambda row: f"{row.provider} {row.family} {row.since}")
def test_every_row_names_its_sources(row: Rules) -> None:
    names = {field.name for field in fields(Rules)}
    assert "*" in row.sources
    assert set(row.sources) - {"*"} <= names
    for source in row.sources.values():
        assert source.where
        assert date(2024, 1, 1) <= source.seen <= date(2026, 11, 23)
        assert source.confidence in ("H", "M", "L", "U")


@pytest.mark.parametrize("row", ALL, ids=lambda row: f"{row.provider} {row.family} {row.since}")
def test_rows_make_sense(row: Rules) -> None:
    assert row.models
    assert bool(row.lifetimes) == (row.scheme != "none")
    assert all(life.seconds > 0 for life in row.lifetimes)
    assert (row.marker is None) == (row.most_markers == 0)
    assert all(pattern == pattern.lower() for pattern in (*row.models, *row.minimums))


def test_an_unknown_provider_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownProvider, match=r"unknown provider 'acme' \(known: anthropic, azure"):
        rules_for("acme", "m", TODAY)
    assert issubclass(UnknownProvider, KeyError)


def test_a_named_model_has_no_warning() -> None:
    rules, warnings = rules_for("anthropic", "Claude-Opus-5-5", TODAY)
    assert (rules.family, warnings) == ("claude", ())


@pytest.mark.parametrize(
    ("provider", "model", "family"),
    [
        ("anthropic", "claude-opus-6", "claude"),
        ("anthropic", "house-model", "claude"),
        ("openai", "gpt-7", "gpt-5.6 and later"),
        ("vertex", "claude-opus-6", "claude"),
        ("bedrock", "anthropic.claude-opus-6-v1:0", "claude"),
    ],
)
def test_an_unknown_model_gets_the_newest_family_and_a_warning(
    provider: str, model: str, family: str
) -> None:
    rules, warnings = rules_for(provider, model, TODAY)
    assert rules.family == family
    assert warnings == (f"{provider} has no rules for {model!r}: those of {family!r} are taken",)


def test_the_newest_row_that_counts_on_the_day_is_taken() -> None:
    before, after = (
        rules_for("anthropic", "claude-opus-4-6", day)[0]
        for day in (date(2026, 2, 18), date(2026, 2, 19))
    )
    assert (before.implicit, after.implicit) == ("none", "optional")


def test_a_day_before_the_first_row_gets_that_row_and_a_warning() -> None:
    rules, warnings = rules_for("openai", "gpt-5.6-sol", date(2025, 1, 1))
    assert rules.family == "gpt-5.6 and later"
    assert warnings[0].startswith("openai has no rules for 'gpt-5.6-sol' before 2026-")


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("claude-opus-5-5", "anthropic"),
        ("gpt-6.1-sol", "openai"),
        ("gpt-4.1", "openai"),
        ("gemini-3.8-flash", "gemini"),
        ("deepseek-flash", "deepseek"),
        ("grok-4.7", "xai"),
        ("mistral-large-4", "mistral"),
        ("qwen4-max", "qwen"),
        ("us.amazon.nova-pro-v1:0", "bedrock"),
        ("house-model", None),
    ],
)
def test_whose_a_model_is_by_its_name(model: str, provider: str | None) -> None:
    assert provider_of_model(model) == provider


def test_minimums_are_by_model() -> None:
    rules = rules_for("anthropic", "claude-opus-4-7", TODAY)[0]
    assert minimum_of(rules, "claude-opus-4-7") == 2048
    assert minimum_of(rules, "claude-opus-9") == rules.minimum == 512
    assert minimum_of(with_knobs(rules, {"minimum": 7}), "claude-opus-4-7") == 7


def test_knobs_replace_fields() -> None:
    rules = rules_for("anthropic", "claude-opus-5", TODAY)[0]
    turned = with_knobs(rules, {"lookback": 80, "settings": {"thinking": "tool"}, "runs": []})
    assert (turned.lookback, turned.runs) == (80, frozenset())
    assert turned.settings == {"thinking": Kind.TOOL}
    assert with_knobs(rules, {}) == rules


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"lookbak": 1}, "lookbak: no such knob"),
        ({"provider": "x"}, "provider: no such knob"),
        ({"lookback": "many"}, "lookback: Expected"),
        ({"minimum": -1}, "minimum: expected a number from 0 on"),
        ({"delay": float("nan")}, "delay: expected a number from 0 on"),
        ({"renew": "never"}, "renew: Invalid enum value"),
    ],
)
def test_a_knob_that_is_none_is_refused_by_name(knobs: dict[str, object], message: str) -> None:
    rules = rules_for("anthropic", "claude-opus-5", TODAY)[0]
    with pytest.raises(ValueError, match=message):
        with_knobs(rules, knobs)
