from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from headstart.explain import Explainer, Explanation, detect, explain
from headstart.pricing import Pricer
from headstart.prompt import Prompt
from headstart.tokens import counter_of
from headstart.usage import MissReason
from tests.explain.bodies import CASES, Make, anthropic, chat, encoded

TODAY = date(2026, 11, 20)
TAU = Path(__file__).parents[3] / "shared" / "data" / "tau-airline" / "conversations.jsonl.gz"

ANTHROPIC = anthropic("15:00:00", "a?")
GPT, DEEPSEEK = (chat("15:00:00", "a?", model) for model in ("gpt-5.6", "deepseek-chat"))


def read(body: dict[str, Any], model: str | None = None) -> Prompt:
    data = encoded(body)
    return replace(p := detect(data, model).read(data, model=model).prompt, model=model or p.model)


def explained(
    before: dict[str, Any],
    now: dict[str, Any],
    provider: str = "anthropic",
    after: float = 60.0,
    model: str | None = None,
) -> Explanation:
    one, two = read(before, model), read(now, model)
    return explain(
        one,
        two,
        provider=provider,
        at=TODAY,
        after=after,
        count=counter_of(provider, two.model, plain=True).count,
        pricer=Pricer(provider, two.model, TODAY),
    )


@pytest.mark.parametrize(("name", "make", "model", "providers"), CASES)
def test_a_clock_in_front_costs_all_that_stands_behind_it(
    name: str, make: Make, model: str | None, providers: tuple[str, ...]
) -> None:
    before, now = make("15:00:00", "Is it open?"), make("15:02:00", "May I return it?")
    for provider in providers:
        found = explained(before, now, provider, model=model)
        assert found.split is not None
        assert (found.split.segment, found.split.volatile) == (0, "timestamp")
        assert found.split.offset == len("The current time is 2026-11-20 15:0")
        assert found.reason == MissReason.DIVERGED
        assert found.lookup.usage.read < 100
        assert found.lost > 0.8 * found.lookup.usage.input
        # The price of a read of Mistral\'s large model is that of input.
        assert provider == "mistral" or found.wasted is None or found.wasted > 0
        assert found.remedy.startswith("Move the timestamp behind the last cache breakpoint")
        # The same requests with the clock standing still read what was lost.
        better = explained(before, make("15:00:00", "May I return it?"), provider, model=model)
        gained = better.lookup.usage.read + better.lost - found.lookup.usage.read
        assert abs(gained - found.lost) <= 130


def test_what_it_costs_is_what_a_request_that_reads_it_saves() -> None:
    before, now = anthropic("15:00:00", "a?"), anthropic("15:02:00", "b?")
    found = explained(before, now)
    better = explained(before, anthropic("15:00:00", "b?"))
    assert found.lookup.cost is not None
    assert better.lookup.cost is not None
    assert found.wasted == pytest.approx(found.lookup.cost - better.lookup.cost, rel=1e-6)
    assert better.lost == 0
    assert better.wasted == 0.0


def test_another_question_alone_loses_nothing() -> None:
    before, now = anthropic("15:00:00", "Open on 2026-05-01?"), anthropic("15:00:00", "And now?")
    found = explained(before, now)
    assert (found.reason, found.lost) == (None, 0)
    assert found.remedy == "Nothing to change: what was sent before is read."
    assert "nothing was missed" in found.render()


@pytest.mark.parametrize(
    ("change", "after", "reason", "says"),
    [
        ({}, 301.0, MissReason.EXPIRED, "It lives 5 min, and 5.02 min had passed: ask for the "),
        ({}, 4000.0, MissReason.EXPIRED, "1.11 h had passed: send something that reads it more"),
        ({"model": "claude-sonnet-5"}, 60.0, MissReason.MODEL_CHANGED, "opus-5-5, then claude-son"),
        (
            {"tools": [{"name": "f", "input_schema": {"type": "object"}}]},
            60.0,
            MissReason.TOOLS_CHANGED,
            "Send the same tools in every request",
        ),
        ({"system": "Be brief."}, 60.0, MissReason.BELOW_MINIMUM, "tokens or more"),
    ],
)
def test_the_reason_and_what_to_change(
    change: dict[str, Any], after: float, reason: MissReason, says: str
) -> None:
    before = anthropic("15:00:00", "a?")
    found = explained(before, {**before, **change}, after=after)
    assert found.reason == reason
    assert says in found.remedy
    assert not found.confirmed
    assert f"{reason} (inferred)" in found.render()


def test_without_a_marker_it_says_to_put_one_and_what_that_would_have_saved() -> None:
    before, now = anthropic("15:00:00", "a?"), anthropic("15:00:00", "b?")
    for body in (before, now):
        del body["system"][0]["cache_control"]
    found = explained(before, now)
    assert found.reason == MissReason.NO_BREAKPOINT
    assert found.lost > 0.9 * found.lookup.usage.input
    assert found.remedy.startswith("Put a cache_control at the end of what stays the same")


def test_both_a_clock_and_no_marker_are_named_and_what_both_together_cost() -> None:
    before, now = anthropic("15:00:00", "a?"), anthropic("15:02:00", "b?")
    for body in (before, now):
        del body["system"][0]["cache_control"]
    found = explained(before, now)
    assert found.reason == MissReason.NO_BREAKPOINT
    assert found.lost > 0.9 * found.lookup.usage.input
    assert "Put a cache_control" in found.remedy
    assert "Move the timestamp" in found.remedy


@pytest.mark.parametrize(
    ("provider", "body", "change", "reason", "names"),
    [
        ("anthropic", ANTHROPIC, {"speed": "fast"}, MissReason.SETTINGS_CHANGED, "speed"),
        ("openai", GPT, {"prompt_cache_key": "k"}, MissReason.SCOPE_CHANGED, "key"),
        ("deepseek", DEEPSEEK, {"user_id": "u"}, MissReason.SCOPE_CHANGED, "user"),
    ],
)
def test_settings_and_scopes_that_differ_are_named(
    provider: str,
    body: dict[str, Any],
    change: dict[str, Any],
    reason: MissReason,
    names: str,
) -> None:
    found = explained(body, {**body, **change}, provider)
    assert found.reason == reason
    assert f"(here: {names})" in found.remedy
    assert found.split is None
    assert found.lost == found.lookup.lost > 4000


def test_a_series_is_explained_against_the_nearest_earlier_one() -> None:
    explainer = Explainer(
        "anthropic",
        TODAY,
        lambda model: counter_of("anthropic", model, plain=True).count,
        lambda model: Pricer("anthropic", model, TODAY),
    )
    first = explainer.add(read(anthropic("15:00:00", "a?")), 0.0, "1")
    assert (first.reason, first.against, first.split) == (MissReason.FIRST_SIGHT, None, None)
    other = {**anthropic("15:00:00", "x?"), "system": "Sing. " * 5000}
    assert explainer.add(read(other), 10.0, "2").against is None
    third = explainer.add(read(anthropic("15:00:30", "b?")), 20.0, "3")
    assert third.against == "1"
    assert third.split is not None
    assert third.split.volatile == "timestamp"
    fourth = explainer.add(read(anthropic("15:00:00", "c?")), 30.0, "4")
    assert fourth.reason is None
    assert fourth.lookup.usage.read > 0.9 * fourth.lookup.usage.input
    with pytest.raises(ValueError, match="'4' already"):
        explainer.add(read(other), 40.0, "4")


def test_facts_are_json_and_say_what_the_lines_say() -> None:
    found = explained(anthropic("15:00:00", "a?"), anthropic("15:02:00", "b?"))
    facts = json.loads(json.dumps(found.facts()))
    assert facts["divergence"] == {"segment": 0, "volatile": "timestamp"}
    assert facts["lost"] == found.lost
    assert facts["wasted"] == found.wasted
    lines = found.render()
    assert f"lost    {found.lost:,} tokens" in lines
    assert facts["diff"].splitlines()[0] in lines
    assert lines.count(found.remedy) == 1
    assert facts["diff"].splitlines()[0] not in found.render(diff=False)


@pytest.mark.skipif(not TAU.is_file(), reason="the airline conversations are not here")
def test_an_airline_agent_with_a_clock_in_its_system_prompt() -> None:
    with gzip.open(TAU) as file:
        messages = json.loads(file.readline())["messages"]
    calls = [messages[:i] for i, message in enumerate(messages) if message["role"] == "assistant"]
    explainer = Explainer(
        "openai",
        TODAY,
        lambda model: counter_of("openai", model, plain=True).count,
        lambda model: Pricer("openai", model, TODAY),
    )
    still = [explainer.add(read(_asked(m)), 20.0 * i, f"s{i}") for i, m in enumerate(calls)]
    assert all(found.lost == 0 for found in still)
    moving = Explainer(
        "openai",
        TODAY,
        lambda model: counter_of("openai", model, plain=True).count,
        lambda model: Pricer("openai", model, TODAY),
    )
    found = []
    for i, call in enumerate(calls):
        clock = f"15:{i:02d}:00"
        text = call[0]["content"].replace("15:00:00", clock)
        assert clock in text
        asked = _asked([{**call[0], "content": text}, *call[1:]])
        found.append(moving.add(read(asked), 20.0 * i, f"m{i}"))
    for one, other in zip(still[1:], found[1:], strict=True):
        assert other.split is not None
        assert other.split.volatile == "timestamp"
        assert "The current time is 2024-05-15 15:" in other.split.b.text
        assert other.against is not None
        # What a still clock lets it read is what it is said to have lost.
        assert other.lost == one.lookup.usage.read - other.lookup.usage.read


def _asked(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {"model": "gpt-5.4", "messages": messages}
