"""OpenAI up to gpt-5.5, and the same models on Azure."""

from __future__ import annotations

import pytest

from headstart.usage import MissReason, Usage
from tests.providers.conformance.documented import documented
from tests.providers.prompts import blocks, emulator, prompt, rules_of, send, text

GUIDE = "OpenAI prompt caching guide, 2026-09-20"
AZURE = "Azure OpenAI prompt caching, through a note of 2026-10-01"


@documented("openai", GUIDE)
def test_nothing_has_to_be_asked_for() -> None:
    rules = rules_of("openai", "gpt-5.5")
    assert (rules.implicit, rules.marker, rules.most_markers) == ("always", None, 0)


@documented("openai", GUIDE)
def test_gpt_5_5_has_breakpoints_every_2048_tokens() -> None:
    flow = emulator("openai", "gpt-5.5")
    assert [send(flow, blocks(n), now) for now, n in enumerate((300, 300, 255))] == [0, 4096, 2048]


@documented("openai", GUIDE)
def test_hidden_tokens_count_towards_intervals_and_are_not_reported() -> None:
    # 100 hidden: the breakpoint at 2048 is the prompt's token 1948, reported as 1920.
    flow = emulator("openai", "gpt-5.5", hidden=100)
    assert [send(flow, blocks(125), now) for now in (0, 1)] == [0, 1920]


@documented("openai", GUIDE)
def test_cached_tokens_are_rounded_down_to_128() -> None:
    flow = emulator("openai", "gpt-4.1")
    send(flow, blocks(100), 0)
    assert flow.peek(blocks(100), 1).usage.read == 1536


@documented("openai", GUIDE, "M")
def test_below_1024_tokens_nothing_is_cached_silently() -> None:
    flow = emulator("openai", "gpt-4.1")
    assert [send(flow, blocks(63), now) for now in (0, 1)] == [0, 0]
    lookup = flow.peek(blocks(63), 2)
    assert (lookup.reason, lookup.usage) == (MissReason.BELOW_MINIMUM, Usage(fresh=1008))
    assert [send(flow, blocks(64), now) for now in (3, 4)] == [0, 1024]


@documented("openai", GUIDE)
def test_writing_costs_nothing_extra() -> None:
    assert emulator("openai", "gpt-5.5").peek(blocks(200), 0).usage == Usage(fresh=3200)


@documented("openai", GUIDE)
def test_in_memory_lives_five_minutes_idle_at_least() -> None:
    flow = emulator("openai", "gpt-4.1")
    turn = prompt(text(2048), model="gpt-4.1", retention="in_memory")
    assert [send(flow, turn, now) for now in (0, 299, 598, 898)] == [0, 2048, 2048, 0]


@documented("openai", GUIDE)
def test_24h_lives_half_an_hour_idle_at_least() -> None:
    flow = emulator("openai", "gpt-4.1")
    turn = prompt(text(2048), model="gpt-4.1", retention="24h")
    assert [send(flow, turn, now) for now in (0, 1799, 3599)] == [0, 2048, 0]


@documented("openai", GUIDE)
def test_earlier_models_default_to_24h() -> None:
    flow = emulator("openai", "gpt-4o")
    assert [send(flow, blocks(64), now) for now in (0, 1799)] == [0, 1024]


@documented("openai", GUIDE)
def test_gpt_5_5_offers_24h_only() -> None:
    flow = emulator("openai", "gpt-5.5")
    assert any(
        "in_memory" in warning
        for warning in flow.peek(prompt("a", retention="in_memory"), 0).warnings
    )


@documented("openai", GUIDE)
@pytest.mark.parametrize(
    "setting",
    [
        "parallel_tool_calls",
        "text.format",
        "response_format",
        "reasoning.effort",
        "reasoning_effort",
        "text.verbosity",
        "verbosity",
        "context_management",
        "service_tier",
    ],
)
def test_settings_that_change_the_prefix(setting: str) -> None:
    flow = emulator("openai", "gpt-4.1")
    send(flow, prompt(text(2048)), 0)
    lookup = flow.peek(prompt(text(2048), settings={setting: '"x"'}), 1)
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.SETTINGS_CHANGED)


@documented("openai", GUIDE)
def test_tool_choice_keeps_the_prefix() -> None:
    flow = emulator("openai", "gpt-4.1")
    send(flow, prompt(text(2048)), 0)
    assert flow.peek(prompt(text(2048), settings={"tool_choice": '"none"'}), 1).usage.read == 2048


@documented("openai", GUIDE)
def test_organizations_share_nothing() -> None:
    flow = emulator("openai", "gpt-4.1")
    send(flow, blocks(64), 0, scope="org-a/eu")
    assert flow.peek(blocks(64), 1, scope="org-a/us").usage.read == 0


@documented("openai", GUIDE)
def test_the_cache_key_routes_and_does_not_partition() -> None:
    flow = emulator("openai", "gpt-4.1")
    send(flow, prompt(text(2048), key="a"), 0)
    assert flow.peek(prompt(text(2048), key="b"), 1).usage.read == 2048


@documented("openai", GUIDE)
def test_another_key_may_reach_another_machine() -> None:
    flow = emulator("openai", "gpt-4.1", machines=1000)
    send(flow, prompt(text(2048), key="a"), 0)
    assert flow.peek(prompt(text(2048), key="a"), 1).usage.read == 2048
    lookup = flow.peek(prompt(text(2048), key="b"), 1)
    assert (lookup.reason, lookup.lost) == (MissReason.ROUTED_ELSEWHERE, 2048)


@documented("openai", GUIDE)
def test_more_than_15_requests_a_minute_overflow_to_another_machine() -> None:
    flow = emulator("openai", "gpt-4.1", machines=1000)
    turn = prompt(text(2048), key="a")
    reads = [send(flow, turn, now) for now in range(34)]
    assert [i for i, read in enumerate(reads) if not read] == [0, 15, 30]


@documented("openai", GUIDE)
def test_cached_tokens_count_towards_rate_limits() -> None:
    assert rules_of("openai", "gpt-5.5").rate_limit == "counts"


@documented("azure", AZURE, "M")
def test_azure_has_steps_of_128_and_a_minimum_of_1024() -> None:
    flow = emulator("azure", "gpt-5.5")
    assert [send(flow, blocks(70), now) for now in (0, 1)] == [0, 1024]
    assert [send(flow, blocks(63), now) for now in (2, 3)] == [0, 0]


@documented("azure", AZURE, "M")
def test_azure_needs_the_first_1024_tokens_alike() -> None:
    flow = emulator("azure", "gpt-4.1")
    send(flow, blocks(100), 0)
    other = [b"b%d" % i for i in range(63)] + [b"x"] * 37
    lookup = flow.peek(type(blocks(1)).of_blocks("m", other, 16), 1)
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.DIVERGED)


@documented("azure", AZURE, "M")
def test_azure_defaults_to_in_memory_before_5_5_and_to_extended_on_it() -> None:
    early, late = rules_of("azure", "gpt-4.1"), rules_of("azure", "gpt-5.5")
    assert early.lifetimes[0].seconds == early.retentions["in_memory"] == 300
    assert late.lifetimes[0].seconds == late.retentions["24h"] == 1800


@documented("azure", AZURE, "M")
def test_azure_subscriptions_share_nothing() -> None:
    flow = emulator("azure", "gpt-4.1")
    send(flow, blocks(64), 0, scope="subscription-1")
    assert flow.peek(blocks(64), 1, scope="subscription-2").reason is MissReason.SCOPE_CHANGED
