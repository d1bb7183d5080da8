"""Anthropic's own API: breakpoints, lookback, lifetimes, billing, isolation."""

from __future__ import annotations

import pytest

from headstart.usage import MissReason, Usage
from tests.providers.conformance.documented import documented
from tests.providers.marked import CLAUDE, Cache
from tests.providers.prompts import rules_of

GUIDE = "Claude prompt caching guide, about 2026-09"
PROBE = "requests to the production API, 2026-09-07"
NOTE = "a note of 2026-10-01 on prompt caching"
OURS = "not stated by anyone: a default of ours"

TOOLS, SYSTEM, ASK = "tools T 600 5m", "system S 600 5m", "user q 10"


def turns(count: int, kind: str = "user:text") -> list[str]:
    """Blocks of ten tokens, of which no two are alike."""
    return [f"{kind} b{i}_ 10" for i in range(count)]


def marked(blocks: list[str], *at: int, ttl: str = "5m") -> list[str]:
    """The same with markers on some of them."""
    return [f"{block} {ttl}" if i in at else block for i, block in enumerate(blocks)]


@documented("anthropic", GUIDE)
def test_without_a_marker_nothing_is_cached() -> None:
    cache = Cache()
    assert [cache.read(now, "system S 600", ASK) for now in (0, 1)] == [0, 0]
    assert cache.emulator.entries == 0
    assert cache.peek(2, "system S 600", ASK).reason is MissReason.NO_BREAKPOINT


@documented("anthropic", GUIDE)
def test_a_request_writes_up_to_its_marker_and_the_rest_is_fresh() -> None:
    assert Cache().send(0, SYSTEM, ASK).usage == Usage(fresh=10, write_5m=600)


@documented("anthropic", GUIDE)
def test_a_later_request_reads_what_was_written() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK)
    lookup = cache.send(1, SYSTEM, "user other 20")
    assert (lookup.usage, lookup.reason) == (Usage(fresh=20, read=600), None)


@documented("anthropic", GUIDE)
def test_one_entry_is_written_at_each_marker_and_nowhere_else() -> None:
    cache = Cache()
    cache.send(0, TOOLS, SYSTEM, *turns(9), "user last 5 5m")
    assert cache.emulator.entries == 3


@documented("anthropic", GUIDE)
def test_the_key_runs_through_tools_system_and_messages() -> None:
    cache = Cache()
    cache.send(0, "tools T 600", SYSTEM, ASK)
    assert cache.read(1, "tools T 600", SYSTEM, ASK) == 1200
    assert cache.read(2, "tools U 600", SYSTEM, ASK) == 0


@documented("anthropic", GUIDE)
def test_a_change_before_the_marker_misses() -> None:
    cache = Cache()
    cache.send(0, "system A 700", "system day1 5", "user q 10 5m")
    lookup = cache.send(1, "system A 700", "system day2 5", "user q 10 5m")
    assert (lookup.usage.read, lookup.reason, lookup.lost) == (0, MissReason.DIVERGED, 700)
    assert lookup.divergence is not None
    assert lookup.divergence.segment == 1


@documented("anthropic", GUIDE)
def test_a_prefix_of_an_entry_is_no_entry() -> None:
    cache = Cache()
    cache.send(0, "system A 700", "system B 700 5m", ASK)
    assert cache.read(1, "system A 700 5m", "system C 700", ASK) == 0


@documented("anthropic", GUIDE)
def test_the_last_turn_s_entry_is_found_by_looking_back() -> None:
    cache = Cache()
    cache.send(0, "system S 600", "user one 10 5m")
    grown = ("system S 600", "user one 10", "assistant a 10", "user two 10 5m")
    assert cache.send(1, *grown).usage == Usage(read=610, write_5m=20)


@documented("anthropic", GUIDE)
def test_an_entry_19_blocks_back_is_found() -> None:
    cache = Cache(minimum=1)
    blocks = turns(40)
    cache.send(0, *marked(blocks[:17], 16))
    assert cache.read(1, *marked(blocks[:36], 35)) == 170


@documented("anthropic", GUIDE + ": written at 15, breakpoint at 35, 35 to 16 are checked")
def test_an_entry_20_blocks_back_is_not_found() -> None:
    cache = Cache(minimum=1)
    blocks = turns(40)
    cache.send(0, *marked(blocks[:16], 15))
    lookup = cache.send(1, *marked(blocks[:36], 35))
    assert (lookup.usage.read, lookup.lost) == (0, 160)
    assert lookup.reason is MissReason.LOOKBACK_EXCEEDED


@documented("anthropic", GUIDE)
def test_looking_resumes_at_the_next_earlier_marker() -> None:
    cache = Cache(minimum=1)
    blocks = turns(60)
    cache.send(0, *marked(blocks[:6], 5))
    assert cache.read(1, *marked(blocks, 8, 59)) == 60


@documented("anthropic", GUIDE)
@pytest.mark.parametrize("kind", ["assistant:tool_use", "user:tool_result"])
def test_a_run_of_tool_blocks_is_one_position(kind: str) -> None:
    cache = Cache(minimum=1)
    start = turns(5)
    cache.send(0, *marked(start, 4))
    assert cache.read(1, *start, *turns(30, kind), "user end 10 5m") == 50


@documented("anthropic", GUIDE)
def test_tool_calls_and_results_in_turn_are_a_position_each() -> None:
    cache = Cache(minimum=1)
    pairs = [
        b for i in range(10) for b in (f"assistant:tool_use u{i}_ 5", f"user:tool_result r{i}_ 5")
    ]
    cache.send(0, *marked(turns(5), 4))
    lookup = cache.send(1, *turns(5), *pairs, "user end 10 5m")
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.LOOKBACK_EXCEEDED)


@documented("anthropic", GUIDE)
def test_looking_back_finds_entries_only_and_not_unmarked_blocks() -> None:
    cache = Cache(minimum=1)
    blocks = turns(10)
    cache.send(0, *marked(blocks, 9))
    assert cache.read(1, *marked([*blocks[:9], "user other 10"], 9)) == 0


@documented("anthropic", GUIDE)
def test_a_fifth_marker_is_refused() -> None:
    cache = Cache(minimum=1)
    lookup = cache.send(0, *marked(turns(5), 0, 1, 2, 3, 4))
    assert (lookup.usage, cache.emulator.entries) == (Usage(fresh=50), 0)
    assert lookup.reason is MissReason.TOO_MANY_BREAKPOINTS


@documented("anthropic", GUIDE)
def test_more_markers_cost_nothing() -> None:
    one = Cache(minimum=1).send(0, *marked(turns(5), 4)).usage
    assert Cache(minimum=1).send(0, *marked(turns(5), 1, 2, 3, 4)).usage == one


@documented("anthropic", GUIDE)
@pytest.mark.parametrize(
    ("model", "minimum"),
    [
        ("claude-fable-5", 512),
        ("claude-fable-5-1", 512),
        ("claude-mythos-5", 512),
        ("claude-mythos-5-1", 512),
        ("claude-opus-5", 512),
        ("claude-opus-5-5", 512),
        ("claude-sonnet-5-5", 512),
        ("claude-haiku-5-5", 512),
        ("claude-opus-4-8", 1024),
        ("claude-opus-4-1-20250805", 1024),
        ("claude-opus-4-20250514", 1024),
        ("claude-sonnet-5", 1024),
        ("claude-sonnet-4-6", 1024),
        ("claude-sonnet-4-5-20250929", 1024),
        ("claude-sonnet-4-20250514", 1024),
        ("claude-opus-4-7", 2048),
        ("claude-mythos-preview", 2048),
        ("claude-3-5-haiku-20241022", 2048),
        ("claude-opus-4-6", 4096),
        ("claude-opus-4-5-20251101", 4096),
        ("claude-haiku-4-5-20251001", 4096),
    ],
)
def test_the_minimum_depends_on_the_model(model: str, minimum: int) -> None:
    cache = Cache(model=model)
    short, enough = f"system A {minimum - 1} 5m", f"system B {minimum} 5m"
    assert [cache.read(now, short, ASK) for now in (0, 1)] == [0, 0]
    assert [cache.read(now, enough, ASK) for now in (2, 3)] == [0, minimum]


@documented("anthropic", OURS, "U")
def test_the_minimum_of_the_5_2_series_is_taken_as_512() -> None:
    cache = Cache(model="claude-fable-5-2")
    assert [cache.read(now, "system A 512 5m", ASK) for now in (0, 1)] == [0, 512]


@documented("anthropic", PROBE)
def test_below_the_minimum_all_counters_are_0_and_nothing_is_refused() -> None:
    lookup = Cache().send(0, "system S 400 5m", "user q 32 5m")
    assert (lookup.usage, lookup.reason) == (Usage(fresh=432), MissReason.BELOW_MINIMUM)


@documented("anthropic", PROBE)
def test_a_marker_that_is_too_short_leaves_the_longer_ones_alone() -> None:
    cache = Cache()
    assert cache.send(0, "system S 400 5m", "user q 200 5m").usage == Usage(write_5m=600)
    assert cache.emulator.entries == 1


@documented("anthropic", GUIDE)
def test_the_minimum_counts_all_that_stands_before_the_marker() -> None:
    cache = Cache()
    assert cache.send(0, "tools T 300", "system S 300 5m", ASK).usage.write_5m == 600


@documented("anthropic", GUIDE)
def test_5m_is_over_after_300_seconds() -> None:
    cache = Cache()
    assert [cache.read(now, SYSTEM, ASK) for now in (0, 299, 599)] == [0, 600, 0]
    lookup = cache.peek(899, SYSTEM, ASK)
    assert (lookup.reason, lookup.lost) == (MissReason.EXPIRED, 610)


@documented("anthropic", GUIDE)
def test_1h_is_over_after_3600_seconds() -> None:
    cache = Cache()
    long = "system S 600 1h"
    assert cache.send(0, long, ASK).usage == Usage(fresh=10, write_1h=600)
    assert [cache.read(now, long, ASK) for now in (3599, 7199)] == [600, 0]


@documented("anthropic", GUIDE)
def test_each_read_starts_the_lifetime_anew_for_nothing() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK)
    for now in range(200, 2000, 200):
        assert cache.send(now, SYSTEM, ASK).usage == Usage(fresh=10, read=600)


@documented("anthropic", GUIDE)
def test_a_write_lives_from_the_start_of_its_request() -> None:
    cache = Cache()
    cache.begin(0, SYSTEM, ASK).first_byte(100)
    assert cache.peek(299, SYSTEM, ASK).usage.read == 600
    assert cache.peek(301, SYSTEM, ASK).reason is MissReason.EXPIRED


@documented("anthropic", GUIDE)
def test_a_read_refreshes_from_the_start_of_its_request() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK)
    cache.begin(200, SYSTEM, ASK).first_byte(290)
    assert cache.peek(499, SYSTEM, ASK).usage.read == 600
    assert cache.peek(501, SYSTEM, ASK).usage.read == 0


@documented("anthropic", GUIDE)
def test_parallel_cold_requests_all_write() -> None:
    cache = Cache()
    tickets = [cache.begin(0, SYSTEM, ASK) for _ in range(3)]
    assert [ticket.lookup.usage.write_5m for ticket in tickets] == [600, 600, 600]
    reasons = [ticket.lookup.reason for ticket in tickets]
    assert reasons == [MissReason.FIRST_SIGHT, *[MissReason.NOT_YET_READABLE] * 2]


@documented("anthropic", GUIDE)
def test_an_entry_is_readable_once_the_first_response_begins() -> None:
    cache = Cache()
    ticket = cache.begin(0, SYSTEM, ASK)
    assert cache.peek(5, SYSTEM, ASK).usage.read == 0
    ticket.first_byte(6)
    assert cache.peek(7, SYSTEM, ASK).usage.read == 600


@documented("anthropic", GUIDE)
def test_mixed_ttls_are_billed_up_to_b_for_an_hour_and_up_to_c_for_five_minutes() -> None:
    cache = Cache()
    request = ("tools T 600 1h", "system S 100 1h", "user q 50 5m", "user r 7")
    assert cache.send(0, *request).usage == Usage(fresh=7, write_5m=50, write_1h=700)


@documented("anthropic", GUIDE)
def test_mixed_ttls_read_a_and_write_from_there() -> None:
    cache = Cache()
    cache.send(0, "tools T 600 1h", "system S 100 1h", ASK)
    usage = cache.send(1, "tools T 600 1h", "system R 80 1h", "user q 50 5m", "user r 7").usage
    assert usage == Usage(fresh=7, read=600, write_5m=50, write_1h=80)


@documented("anthropic", GUIDE)
def test_without_a_1h_marker_after_a_b_is_a() -> None:
    cache = Cache()
    cache.send(0, "system S 700 1h", ASK)
    usage = cache.send(1, "system S 700 1h", "user q 50 5m").usage
    assert usage == Usage(read=700, write_5m=50)


@documented("anthropic", GUIDE)
def test_of_mixed_ttls_the_hour_outlives_the_five_minutes() -> None:
    cache = Cache()
    request = ("system S 700 1h", "user q 50 5m")
    cache.send(0, *request)
    lookup = cache.send(400, *request)
    assert lookup.usage == Usage(read=700, write_5m=50)
    assert (lookup.reason, lookup.lost) == (MissReason.EXPIRED, 50)


@documented("anthropic", GUIDE)
def test_a_prewarming_request_writes_for_those_that_follow() -> None:
    cache = Cache()
    assert cache.send(0, SYSTEM, "user warm 1").usage == Usage(fresh=1, write_5m=600)
    assert cache.read(10, SYSTEM, "user real 30") == 600


@documented("anthropic", GUIDE)
def test_automatic_caching_is_a_marker_on_the_last_block() -> None:
    cache = Cache()
    cache.send(0, "system S 600", "user q 10 5m", automatic=True)
    grown = ("system S 600", "user q 10", "assistant a 10", "user r 10 5m")
    assert cache.send(1, *grown, automatic=True).usage == Usage(read=610, write_5m=20)


@documented("anthropic", GUIDE)
def test_workspaces_do_not_share() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK, scope="one")
    other = cache.send(1, SYSTEM, ASK, scope="two")
    assert (other.usage.read, other.reason) == (0, MissReason.SCOPE_CHANGED)
    assert cache.read(2, SYSTEM, ASK, scope="one") == 600
    assert rules_of("anthropic", CLAUDE).isolation == "workspace"


@documented("anthropic", GUIDE)
def test_models_do_not_share() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK)
    cache.model = "claude-sonnet-5-5"
    other = cache.send(1, SYSTEM, ASK)
    assert (other.usage.read, other.reason, other.lost) == (0, MissReason.MODEL_CHANGED, 610)


SECTIONS = ("tools T 600 5m", "system S 600 5m", "user q 600 5m")


@documented("anthropic", GUIDE)
@pytest.mark.parametrize(
    ("settings", "reads", "reason"),
    [
        ({"web_search": "true"}, 600, MissReason.SETTINGS_CHANGED),
        ({"citations": "true"}, 600, MissReason.SETTINGS_CHANGED),
        ({"speed": '"fast"'}, 600, MissReason.SETTINGS_CHANGED),
        ({"tool_choice": '{"type":"any"}'}, 1200, MissReason.TOOL_CHOICE_CHANGED),
        (
            {"tool_choice": '{"disable_parallel_tool_use":true,"type":"auto"}'},
            1200,
            MissReason.TOOL_CHOICE_CHANGED,
        ),
        ({"images": "true"}, 1200, MissReason.SETTINGS_CHANGED),
        ({"thinking": '{"type":"adaptive"}'}, 1200, MissReason.SETTINGS_CHANGED),
        ({"output_config.effort": '"low"'}, 1200, MissReason.SETTINGS_CHANGED),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_setting_changes_its_section_and_those_after_it(
    settings: dict[str, str], reads: int, reason: MissReason
) -> None:
    cache = Cache()
    cache.send(0, *SECTIONS)
    lookup = cache.send(1, *SECTIONS, settings=settings)
    assert (lookup.usage.read, lookup.reason) == (reads, reason)
    assert cache.read(2, *SECTIONS, settings=settings) == 1800


@documented("anthropic", GUIDE)
@pytest.mark.parametrize(
    ("changed", "reads"),
    [
        (("tools U 600 5m", *SECTIONS[1:]), 0),
        ((SECTIONS[0], "system R 600 5m", SECTIONS[2]), 600),
        ((*SECTIONS[:2], "user r 600 5m"), 1200),
    ],
    ids=["tools", "system", "messages"],
)
def test_a_change_misses_from_its_section_on(changed: tuple[str, ...], reads: int) -> None:
    cache = Cache()
    cache.send(0, *SECTIONS)
    assert cache.read(1, *changed) == reads


@documented("anthropic", GUIDE)
def test_tools_in_another_order_are_other_tools() -> None:
    cache = Cache()
    cache.send(0, "tools A 600", "tools B 600", "system S 600 5m", ASK)
    lookup = cache.send(1, "tools B 600", "tools A 600", "system S 600 5m", ASK)
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.TOOLS_CHANGED)


@documented("anthropic", GUIDE)
@pytest.mark.parametrize("name", ["max_tokens", "metadata.user_id", "temperature", "stream"])
def test_other_parameters_change_nothing(name: str) -> None:
    cache = Cache()
    cache.send(0, *SECTIONS)
    assert cache.read(1, *SECTIONS, settings={name: "1"}) == 1800


@documented("anthropic", GUIDE)
def test_moving_a_marker_changes_no_key() -> None:
    cache = Cache()
    cache.send(0, "system S 600 5m", "user q 10", "user r 10")
    assert cache.read(1, "system S 600", "user q 10", "user r 10 5m") == 600


@documented("anthropic", GUIDE)
def test_an_appended_system_message_keeps_what_stands_before() -> None:
    cache = Cache()
    cache.send(0, "system S 600", "user q 10 5m")
    assert cache.read(1, "system S 600", "user q 10", "system:text note 5", "user r 5 5m") == 610


THINKING = ("system S 600", "user q 10", "assistant:thinking t 50", "assistant a 10")


@documented("anthropic", GUIDE)
@pytest.mark.parametrize("model", ["claude-opus-4-5", "claude-sonnet-4-6", "claude-opus-5-5"])
def test_newer_models_keep_the_thinking_of_earlier_turns(model: str) -> None:
    cache = Cache(model=model, minimum=1)
    cache.send(0, *THINKING[:3], "assistant:tool_use a 10", "user:tool_result r 10 5m")
    grown = (*THINKING[:3], "assistant:tool_use a 10", "user:tool_result r 10", "user next 10 5m")
    assert cache.read(1, *grown) == 680


@documented("anthropic", GUIDE)
@pytest.mark.parametrize("model", ["claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5"])
def test_earlier_models_and_haiku_lose_it_at_the_next_user_turn(model: str) -> None:
    cache = Cache(model=model, minimum=1)
    asked = (
        "system S 600 5m",
        "user q 10 5m",
        "assistant:thinking t 50",
        "assistant:tool_use a 10",
    )
    cache.send(0, *asked, "user:tool_result r 10 5m")
    lookup = cache.send(1, *asked, "user:tool_result r 10", "user next 10 5m")
    assert lookup.usage == Usage(read=610, write_5m=30)


@documented("anthropic", GUIDE)
def test_a_tool_result_is_no_such_turn() -> None:
    cache = Cache(model="claude-haiku-4-5", minimum=1)
    asked = (*THINKING[:3], "assistant:tool_use a 10")
    cache.send(0, *asked, "user:tool_result r 10 5m")
    more = (*asked, "user:tool_result r 10", "assistant:tool_use b 10", "user:tool_result s 10 5m")
    assert cache.read(1, *more) == 680


@documented("anthropic", GUIDE)
def test_a_dropped_thinking_block_misses_from_there_on() -> None:
    cache = Cache(minimum=1)
    cache.send(0, "system S 600 5m", "assistant:thinking t 50", "user r 10 5m")
    assert cache.read(1, "system S 600 5m", "user r 10 5m") == 600


@documented("anthropic", OURS, "U")
@pytest.mark.parametrize(("knob", "reads"), [(False, 0), (True, 600)])
def test_whether_a_read_refreshes_shorter_entries_is_a_knob(knob: bool, reads: int) -> None:
    cache = Cache(refresh_ancestors=knob)
    both = ("system S 600 5m", "user q 100 5m")
    assert [cache.read(now, *both) for now in (0, 200, 400)] == [0, 700, 700]
    assert cache.read(450, "system S 600 5m", "user r 100 5m") == reads


@documented("anthropic", OURS, "U")
@pytest.mark.parametrize(("renew", "reads"), [("entry", 0), ("longer", 600), ("request", 600)])
def test_what_a_1h_marker_does_to_a_live_5m_entry_is_a_knob(renew: str, reads: int) -> None:
    cache = Cache(renew=renew)
    cache.send(0, "system S 600 5m", ASK)
    assert cache.send(10, "system S 600 1h", ASK).usage == Usage(fresh=10, read=600)
    assert cache.read(1000, "system S 600 1h", ASK) == reads


@documented("anthropic", OURS, "U")
def test_of_two_writes_with_the_same_key_the_longer_one_counts() -> None:
    cache = Cache()
    tickets = [cache.begin(0, f"system S 600 {ttl}", ASK) for ttl in ("1h", "5m")]
    for ticket in tickets:
        ticket.first_byte(1)
    assert cache.read(3000, SYSTEM, ASK) == 600


@documented("anthropic", NOTE)
def test_reads_do_not_count_towards_the_rate_limit() -> None:
    assert rules_of("anthropic", CLAUDE).rate_limit == "free"


@documented("anthropic", GUIDE)
def test_the_directive_is_cache_control_and_a_longer_ttl_comes_first() -> None:
    rules = rules_of("anthropic", CLAUDE)
    assert (rules.marker, rules.most_markers, rules.longer_first) == ("cache_control", 4, True)
    assert [life.seconds for life in rules.lifetimes] == [300, 3600]


@documented("anthropic", GUIDE)
def test_every_input_token_is_in_one_bucket() -> None:
    cache = Cache()
    cache.send(0, TOOLS, ASK)
    assert cache.send(1, TOOLS, SYSTEM, "user q 33").usage.input == 1233
