from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from headstart.explain.advice import advice, changes
from headstart.prompt import Controls, Prompt, VolatileKind
from headstart.providers import providers, rules_for
from headstart.usage import MissReason

TODAY = date(2026, 11, 20)
CLAUDE, _ = rules_for("anthropic", "claude-opus-5-5", TODAY)
PLACE = "Move the timestamp."


@pytest.mark.parametrize("provider", providers())
@pytest.mark.parametrize("reason", [None, *MissReason])
def test_every_reason_has_one_at_every_provider(provider: str, reason: MissReason | None) -> None:
    rules, _ = rules_for(provider, "m", TODAY)
    said = advice(reason, rules, "m")
    assert said.endswith(".")
    assert "None" not in said


def test_what_differs_comes_before_the_general_word() -> None:
    clock = VolatileKind.TIMESTAMP
    say = {"place": PLACE, "volatile": clock}
    assert advice(MissReason.DIVERGED, CLAUDE, "m", place=PLACE) == PLACE
    assert advice(MissReason.FIRST_SIGHT, CLAUDE, "m", place=PLACE, volatile=clock) == PLACE
    assert PLACE not in advice(MissReason.FIRST_SIGHT, CLAUDE, "m", place=PLACE)
    assert PLACE not in advice(None, CLAUDE, "m", place=PLACE, volatile=clock)
    both = advice(MissReason.NO_BREAKPOINT, CLAUDE, "m", place=say["place"], volatile=clock)
    assert both.startswith("Put a cache_control")
    assert both.endswith(PLACE)


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (301.0, "It lives 5 min, and 5.02 min had passed: ask for the longer lifetime of 1 h, or"),
        (7200.0, "It lives 5 min, and 2 h had passed: send something that reads it more often."),
        (None, "It lives 5 min: ask for the longer lifetime of 1 h"),
    ],
)
def test_an_expired_entry(after: float | None, says: str) -> None:
    said = advice(MissReason.EXPIRED, CLAUDE, "claude-opus-5-5", after=after)
    assert said.startswith(says)


def test_what_else_two_requests_differ_in() -> None:
    one = Prompt("m", (), {"thinking": "1", "speed": '"fast"'}, Controls(key="k", user="u"))
    assert changes(one, one) == ""
    two = replace(one, settings={"thinking": "2"}, controls=Controls(key="other", user="u"))
    assert changes(one, two) == "key, speed, thinking"
    assert changes(one, replace(one, model="n")) == "m, then n"
    assert "(here: key)" in advice(MissReason.SCOPE_CHANGED, CLAUDE, "m", changed="key")
