from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.prompt import Controls
from headstart.providers.granular_steps import Steps, unknowns
from tests.providers.prompts import blocks, rules_of

RULES = rules_of("openai", "gpt-5.5")


@given(
    st.integers(0, 5000),
    st.integers(0, 5000),
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(0, 300),
    st.integers(0, 50),
    st.integers(0, 2000),
)
def test_what_is_reported_was_held_and_is_not_the_end(
    held: int, rest: int, granularity: int, report: int, hidden: int, holdback: int, minimum: int
) -> None:
    steps = Steps(
        replace(
            RULES,
            granularity=granularity,
            report=report,
            hidden=hidden,
            holdback=holdback,
            minimum=minimum,
        ),
        "m",
    )
    total = held + rest
    read = steps.readable(held, total)
    assert 0 <= read <= max(0, min(held, total - holdback))
    assert read % report == 0
    if read:
        assert min(held, total - holdback) >= minimum
    if granularity == report == 1 and held >= minimum:
        assert steps.readable(held, total + holdback) == held


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_an_object_is_read_whole(before: int, more: int) -> None:
    assert Steps(RULES, "m").readable(before + more, before + more, before) >= before


def test_the_lifetime_that_is_asked_for() -> None:
    steps = Steps(rules_of("openai", "gpt-4.1"), "gpt-4.1")
    asked = [
        (Controls(), 0),
        (Controls(retention="in_memory"), 1),
        (Controls(retention="24h"), 0),
        (Controls(ttl=300.0), 1),
        (Controls(ttl=7.0), 0),
        (Controls(retention="for ever"), 0),
    ]
    for controls, index in asked:
        assert steps.lifetime(blocks(1, controls=controls)) == index


def test_what_is_not_offered_is_said_once_each() -> None:
    steps = Steps(RULES, "gpt-5.5")
    asked = blocks(1, controls=Controls(ttl=7.0, retention="for ever"))
    assert len(steps.warnings(asked)) == 2
    assert steps.warnings(blocks(1)) == ()


def test_a_model_s_own_minimum_comes_first() -> None:
    rules = replace(RULES, minimum=100, minimums={"*-mini": 50})
    assert (Steps(rules, "GPT-mini").minimum, Steps(rules, "gpt").minimum) == (50, 100)


def test_what_is_unknown_is_named_with_what_is_taken() -> None:
    assert "machines: openai does not say; taken as 1" in unknowns(RULES)


@pytest.mark.parametrize(
    "knobs", [{"granularity": 0}, {"report": 0}, {"hidden": -1}, {"holdback": -1}]
)
def test_sizes_that_make_no_sense_are_refused(knobs: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Steps(replace(RULES, **knobs), "m")
