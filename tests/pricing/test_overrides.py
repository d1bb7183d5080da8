from __future__ import annotations

import tomllib
from datetime import date
from typing import Any

import pytest

from headstart.pricing import OverrideError, Pricer, overrides_from, price_of
from headstart.usage import Usage

FILE = """
[anthropic."claude-opus-5-5"]
input = 3.2
read = 0.16
output = 16
write = 4
write_1h = 6.4

[[openai."gpt-6*"]]
input = 5
read = 1
output = 9
since = 2026-12-01

[[openai."gpt-6*"]]
input = 1
read = 0.1
output = 9

[[openai."gpt-6*"]]
input = 2
read = 0.2
output = 18
above = 1000

[inhouse.llama]
input = 1
read = 0
output = 1
"""
ROWS = overrides_from(tomllib.loads(FILE), "prices.toml")


def test_they_come_first_and_name_their_file() -> None:
    opus = price_of("claude-opus-5-5", overrides=ROWS)
    assert (opus.input, opus.write_5m, opus.write_1h) == (3.2, 4, 6.4)
    assert opus.source == "prices.toml"
    assert price_of("claude-opus-5", overrides=ROWS).source != "prices.toml"
    assert price_of("llama", provider="inhouse", overrides=ROWS).input == 1


def test_days_sizes_and_patterns() -> None:
    day = date(2026, 11, 23)
    assert price_of("gpt-6.1-sol", at=day, overrides=ROWS).input == 1
    assert price_of("gpt-6.1-sol", 1_000, at=day, overrides=ROWS).input == 1
    assert price_of("gpt-6.1-sol", 1_001, at=day, overrides=ROWS).input == 2
    assert price_of("gpt-6.1-sol", at=date(2026, 12, 1), overrides=ROWS).input == 5
    assert price_of("gpt-5.5", overrides=ROWS).input == 5
    pricer = Pricer("openai", "gpt-6.1-sol", day, ROWS)
    assert pricer.cost(Usage(fresh=1_000_000)) == 2
    assert pricer.cost(Usage(fresh=1_000)) == pytest.approx(0.001)


def test_where_an_override_does_not_hold_the_table_does() -> None:
    given = {"openai": {"gpt-6.1-sol": {"input": 9, "read": 1, "output": 9, "above": 5_000}}}
    rows = overrides_from(given, "f")
    assert price_of("gpt-6.1-sol", 5_001, overrides=rows).input == 9
    assert price_of("gpt-6.1-sol", 5_000, overrides=rows).input == 2
    assert Pricer("openai", "gpt-6.1-sol", None, rows).cost(Usage(fresh=5_000)) == 0.01


GOOD = {"input": 1, "read": 0.1, "output": 2}


@pytest.mark.parametrize(
    ("given", "key", "why"),
    [
        ({"openai": 3}, "", "openai: must be a table of models"),
        ({"openai": {"m": 3}}, "", "openai.m: must be a table of prices"),
        ({"openai": {"m": {"input": 1, "output": 2}}}, "read", "openai.m.read: is missing"),
        ({"openai": {"m": {**GOOD, "reed": 1}}}, "reed", "openai.m.reed: no such key"),
        ({"openai": {"m": {**GOOD, "read": 2}}}, "read", "is more than input"),
        ({"openai": {"m": {**GOOD, "input": -1}}}, "input", "a number from 0 on, not -1"),
        ({"openai": {"m": {**GOOD, "input": "1"}}}, "input", "a number from 0 on, not '1'"),
        ({"openai": {"m": {**GOOD, "input": True}}}, "input", "not True"),
        ({"openai": {"m": {**GOOD, "write": float("nan")}}}, "write", "not nan"),
        ({"openai": {"m": {**GOOD, "since": "2026"}}}, "since", "must be a date"),
        ({"openai": {"m": {**GOOD, "above": 1.5}}}, "above", "must be a count"),
        ({"openai": {"m": [GOOD, 7]}}, "", "must be a table of prices"),
    ],
)
def test_a_broken_one_names_file_table_and_key(given: Any, key: str, why: str) -> None:
    with pytest.raises(OverrideError) as error:
        overrides_from(given, "prices.toml")
    assert str(error.value).startswith("prices.toml: openai")
    assert why in str(error.value)
    assert error.value.key == key


def test_a_hostile_pattern_is_plain_text() -> None:
    rows = overrides_from({"x": {"(a+)+$": GOOD}}, "f")
    assert price_of("(a+)+$", overrides=rows).source == "f"
    many = overrides_from({"x": {"*a*a*a": GOOD}}, "f")
    assert not Pricer("x", "b" * 256, None, many).known
