"""OpenAI from gpt-5.6 on, and the same models on Azure."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.usage import MissReason, Usage
from tests.providers.conformance.documented import documented
from tests.providers.marked import GPT, Cache
from tests.providers.prompts import rules_of

GUIDE = "OpenAI prompt caching guide, 2026-09-20"
SDK = "SDK types of openai 3.54.0"
AZURE = "Azure OpenAI prompt caching, through a note of 2026-10-01"
OURS = "not stated by anyone: a default of ours"

SYSTEM, ASK = "system S 2000 end", "user q 10 end"
TURN = (SYSTEM, ASK, "assistant a 10", "user r 10 end")


def gpt(**knobs: Any) -> Cache:
    return Cache("openai", GPT, **knobs)


def users(count: int, *marks: int, last: str = "", tag: str = "u") -> list[str]:
    """User messages of ten tokens, some with an explicit breakpoint."""
    return [
        f"user {tag}{i}_ 10 end{' 30m' if i in marks else ''}{last if i == count - 1 else ''}"
        for i in range(count)
    ]


@documented("openai", GUIDE)
def test_one_implicit_breakpoint_stands_at_the_end_of_the_latest_eligible_message() -> None:
    cache = gpt()
    assert cache.send(0, SYSTEM, ASK).usage == Usage(write_30m=2010)
    assert cache.emulator.entries == 1


@documented("openai", GUIDE)
def test_the_next_turn_reads_it() -> None:
    cache = gpt()
    cache.send(0, SYSTEM, ASK)
    lookup = cache.send(1, *TURN)
    assert (lookup.usage, lookup.reason) == (Usage(read=2010, write_30m=20), None)


@documented("openai", GUIDE)
def test_what_follows_the_latest_eligible_message_is_fresh() -> None:
    assert gpt().send(0, SYSTEM, ASK, "assistant a 30").usage == Usage(fresh=30, write_30m=2010)


@documented("openai", GUIDE)
@pytest.mark.parametrize(
    ("tokens", "reads"), [(1023, 0), (1024, 1024)], ids=["1023 tokens", "1024 tokens"]
)
def test_1024_visible_tokens_are_the_minimum_silently(tokens: int, reads: int) -> None:
    cache = gpt()
    assert [cache.read(now, f"user A {tokens} end") for now in (0, 1)] == [0, reads]


@documented("openai", GUIDE)
def test_below_the_minimum_nothing_is_billed_as_written() -> None:
    lookup = gpt().send(0, "user A 1000 end")
    assert (lookup.usage, lookup.reason) == (Usage(fresh=1000), MissReason.BELOW_MINIMUM)


@documented("openai", GUIDE)
def test_an_entry_lives_30_minutes_from_its_last_use() -> None:
    cache = gpt()
    assert [cache.read(now, SYSTEM, ASK) for now in (0, 1799, 3598, 5398)] == [0, 2010, 2010, 0]
    assert cache.peek(9000, SYSTEM, ASK).reason is MissReason.EXPIRED


@documented("openai", SDK)
def test_12h_is_billed_apart_and_lives_12_hours() -> None:
    cache = gpt()
    assert cache.send(0, SYSTEM, ASK, ttl=43200.0).usage == Usage(write_12h=2010)
    assert cache.read(43199, SYSTEM, ASK) == 2010


@documented("openai", SDK)
def test_a_single_part_may_have_a_ttl_of_its_own() -> None:
    usage = gpt().send(0, "user A 2000 12h", ASK).usage
    assert usage == Usage(write_12h=2000, write_30m=10)


@documented("openai", GUIDE)
def test_explicit_mode_without_a_breakpoint_caches_nothing() -> None:
    cache = gpt()
    assert [cache.read(now, SYSTEM, ASK, mode="explicit") for now in (0, 1)] == [0, 0]
    assert cache.emulator.entries == 0
    assert cache.peek(2, SYSTEM, ASK, mode="explicit").reason is MissReason.NO_BREAKPOINT


@documented("openai", GUIDE)
def test_explicit_mode_writes_at_its_breakpoints_only() -> None:
    usage = gpt().send(0, "user A 2000 30m", ASK, mode="explicit").usage
    assert usage == Usage(fresh=10, write_30m=2000)


@documented("openai", GUIDE)
def test_explicit_mode_writes_the_latest_4() -> None:
    cache = gpt(minimum=1)
    cache.send(0, *users(6, 0, 1, 2, 3, 4, 5), mode="explicit")
    assert cache.emulator.entries == 4
    shared = [*users(2, 1), "user other 10 end"]
    lookup = cache.send(1, *shared, mode="explicit")
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.TOO_MANY_BREAKPOINTS)


@documented("openai", GUIDE)
def test_implicit_mode_writes_the_latest_3_explicit_ones_besides() -> None:
    cache = gpt(minimum=1)
    cache.send(0, *users(6, 0, 1, 2, 3, 4))
    assert cache.emulator.entries == 4
    assert cache.peek(1, *users(3, 2), "user x 10 end").usage.read == 30
    assert cache.peek(1, *users(2, 1), "user x 10 end").usage.read == 0


@documented("openai", GUIDE)
def test_a_breakpoint_on_the_latest_message_takes_the_implicit_one_s_place() -> None:
    cache = gpt(minimum=1)
    assert cache.send(0, *users(3, 2), mode="implicit").usage == Usage(write_30m=30)
    assert cache.emulator.entries == 1


@documented("openai", GUIDE)
def test_more_than_4_breakpoints_are_no_error() -> None:
    assert gpt().send(0, "user A 2000 30m", *users(6, *range(6))).usage.fresh == 0


@documented("openai", GUIDE)
@pytest.mark.parametrize(
    ("earlier", "reads"),
    [(1, 10), (2, 20), (3, 0), (10, 0), (11, 110), (60, 600)],
    ids=["first", "second", "third", "51st from the end", "50th from the end", "last"],
)
def test_the_first_2_and_latest_50_explicit_breakpoints_are_looked_up(
    earlier: int, reads: int
) -> None:
    cache = gpt(minimum=1)
    cache.send(0, *users(earlier, earlier - 1), mode="explicit")
    lookup = cache.send(1, *users(60, *range(60)), mode="explicit")
    assert lookup.usage.read == reads
    if not reads:
        assert lookup.reason is MissReason.LOOKBACK_EXCEEDED


@documented("openai", SDK + ", against the guide", "U")
def test_looking_up_the_latest_80_instead_is_a_knob() -> None:
    cache = gpt(minimum=1, lookups=[0, 80, 80])
    cache.send(0, *users(10, 9), mode="explicit")
    assert cache.read(1, *users(60, *range(60)), mode="explicit") == 100


@documented("openai", GUIDE)
@pytest.mark.parametrize(("more", "reads"), [(20, 2010), (21, 0)])
def test_up_to_20_earlier_message_endings_are_looked_up(more: int, reads: int) -> None:
    cache = gpt()
    cache.send(0, "user A 2000", ASK)
    lookup = cache.send(1, "user A 2000", ASK, *users(more))
    assert lookup.usage.read == reads
    assert lookup.reason is (None if reads else MissReason.LOOKBACK_EXCEEDED)


@documented("openai", GUIDE)
def test_the_end_of_the_initial_developer_block_is_looked_up() -> None:
    cache = gpt()
    cache.send(0, SYSTEM)
    assert cache.read(1, SYSTEM, *users(40)) == 2000


@documented("openai", GUIDE)
def test_there_is_no_lookback_limit_in_blocks() -> None:
    cache = gpt()
    cache.send(0, "user A 2000 30m", mode="explicit")
    many = [f"assistant b{i}_ 5" for i in range(200)]
    assert cache.read(1, "user A 2000 30m", *many, mode="explicit") == 2000


@documented("openai", GUIDE)
def test_the_longest_prefix_wins() -> None:
    cache = gpt(minimum=1)
    cache.send(0, *users(2))
    cache.send(1, *users(4))
    assert cache.read(2, *users(6)) == 40


@documented("openai", GUIDE)
def test_explicit_mode_does_not_find_what_an_implicit_breakpoint_wrote() -> None:
    cache = gpt()
    cache.send(0, SYSTEM, ASK)
    lookup = cache.send(1, *TURN, mode="explicit")
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.NO_BREAKPOINT)


@documented("openai", GUIDE)
def test_unless_a_breakpoint_stands_at_the_same_boundary() -> None:
    cache = gpt()
    cache.send(0, SYSTEM, ASK)
    assert cache.read(1, SYSTEM, ASK + " 30m", *TURN[2:], mode="explicit") == 2010


@documented("openai", GUIDE)
def test_extending_the_same_message_in_place_misses() -> None:
    cache = gpt()
    cache.send(0, "user A 2000 end")
    lookup = cache.send(1, "user A 2000", "user more 10 end")
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.NO_BREAKPOINT)
    assert lookup.lost == 2000


@documented("openai", GUIDE)
def test_entries_are_read_at_exact_boundaries_only() -> None:
    cache = gpt()
    cache.send(0, SYSTEM, "user A 500 end")
    assert cache.read(1, SYSTEM, "user B 500 end") == 0


@documented("openai", GUIDE)
def test_cache_keys_part_entries() -> None:
    cache = gpt()
    cache.send(0, SYSTEM, ASK, key="one")
    other = cache.send(1, SYSTEM, ASK, key="two")
    assert (other.usage.read, other.reason) == (0, MissReason.SCOPE_CHANGED)
    assert cache.read(2, SYSTEM, ASK, key="one") == 2010


@documented("openai", GUIDE)
def test_organizations_and_regions_do_not_share() -> None:
    cache = gpt()
    cache.send(0, SYSTEM, ASK, scope="org-a/eu")
    assert cache.send(1, SYSTEM, ASK, scope="org-a/us").reason is MissReason.SCOPE_CHANGED
    assert rules_of("openai", GPT).isolation == "organization and processing region"


@documented("openai", GUIDE)
@pytest.mark.parametrize(
    "name",
    [
        "parallel_tool_calls",
        "text.format",
        "response_format",
        "reasoning.effort",
        "reasoning_effort",
        "text.verbosity",
        "context_management",
        "service_tier",
    ],
)
def test_a_setting_changes_the_whole_key(name: str) -> None:
    cache = gpt()
    cache.send(0, *TURN)
    lookup = cache.send(1, *TURN, settings={name: '"other"'})
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.SETTINGS_CHANGED)


@documented("openai", GUIDE)
@pytest.mark.parametrize("choice", ['"none"', '{"type":"allowed_tools"}'])
def test_tool_choice_keeps_the_prefix(choice: str) -> None:
    cache = gpt()
    cache.send(0, *TURN)
    assert cache.read(1, *TURN, settings={"tool_choice": choice}) == 2030


@documented("openai", GUIDE)
def test_tools_are_part_of_the_prefix() -> None:
    cache = gpt()
    cache.send(0, "tools A 100", *TURN)
    lookup = cache.send(1, "tools B 100", *TURN)
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.TOOLS_CHANGED)


@documented("openai", GUIDE)
def test_models_do_not_share_entries() -> None:
    cache = gpt()
    cache.send(0, *TURN)
    cache.model = "gpt-6.1-terra"
    assert cache.send(1, *TURN).reason is MissReason.MODEL_CHANGED


@documented("openai", GUIDE)
def test_cached_tokens_count_towards_the_rate_limit() -> None:
    assert rules_of("openai", GPT).rate_limit == "counts"


@documented("openai", OURS, "U")
@pytest.mark.parametrize(("readable", "reads"), [("first_byte", 0), ("at_once", 2010)])
def test_whether_an_entry_is_readable_in_flight_is_a_knob(readable: str, reads: int) -> None:
    cache = gpt(readable=readable)
    cache.begin(0, SYSTEM, ASK)
    assert cache.peek(1, SYSTEM, ASK).usage.read == reads


@documented("openai", GUIDE)
@pytest.mark.parametrize("model", ["gpt-5.6-sol", "gpt-6-astra", "gpt-6-luna", "gpt-6.2-sol"])
def test_these_models_have_breakpoints(model: str) -> None:
    assert rules_of("openai", model).marker == "prompt_cache_breakpoint"


@documented("azure", AZURE, "M")
def test_azure_has_30m_only() -> None:
    cache = Cache("azure", GPT)
    assert cache.send(0, SYSTEM, ASK, ttl=43200.0).usage == Usage(write_30m=2010)


@documented("azure", AZURE, "M")
def test_azure_has_a_minimum_of_1024() -> None:
    cache = Cache("azure", GPT)
    assert [cache.read(now, "user A 1023 end") for now in (0, 1)] == [0, 0]
    assert [cache.read(now, "user B 1024 end") for now in (0, 1)] == [0, 1024]


@documented("azure", AZURE, "M")
def test_azure_subscriptions_do_not_share() -> None:
    cache = Cache("azure", GPT)
    cache.send(0, SYSTEM, ASK, scope="one")
    assert cache.send(1, SYSTEM, ASK, scope="two").usage.read == 0
    assert rules_of("azure", GPT).isolation == "subscription"
