"""Amazon Bedrock, and Claude on Google Cloud and on Foundry."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.usage import MissReason, Usage
from tests.providers.conformance.documented import documented
from tests.providers.marked import CLAUDE, Cache
from tests.providers.prompts import rules_of

GUIDE = "Bedrock prompt caching guide, autumn 2026"
CLAUDES = "Claude prompt caching guide, about 2026-09"
MEASURED = "strands issue 3677, 2026-08-07"
OURS = "not stated by anyone: a default of ours"

OPUS = "global.anthropic.claude-opus-5-5-v1:0"
SYSTEM, ASK = "system S 600 5m", "user q 10"


def bedrock(model: str = OPUS, **knobs: Any) -> Cache:
    return Cache("bedrock", model, **knobs)


@documented("bedrock", GUIDE)
@pytest.mark.parametrize(
    ("model", "minimum"),
    [
        ("anthropic.claude-fable-5-v1:0", 512),
        ("anthropic.claude-mythos-5-1-v1:0", 512),
        ("anthropic.claude-opus-5-v1:0", 512),
        ("us.anthropic.claude-sonnet-5-5-v1:0", 512),
        ("anthropic.claude-opus-4-8-v1:0", 1024),
        ("anthropic.claude-sonnet-5-v1:0", 1024),
        ("anthropic.claude-sonnet-4-6", 1024),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", 1024),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", 1024),
        ("anthropic.claude-opus-4-7", 4096),
        ("anthropic.claude-opus-4-6-v1", 4096),
        ("anthropic.claude-opus-4-5-20251101-v1:0", 4096),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", 4096),
        ("anthropic.claude-mythos-preview", 4096),
    ],
)
def test_the_minimum_depends_on_the_model(model: str, minimum: int) -> None:
    cache = bedrock(model)
    short, enough = f"system A {minimum - 1} 5m", f"system B {minimum} 5m"
    assert [cache.read(now, short, ASK) for now in (0, 1)] == [0, 0]
    assert [cache.read(now, enough, ASK) for now in (2, 3)] == [0, minimum]


@documented("bedrock", GUIDE)
def test_the_minimum_is_cumulative_across_sections() -> None:
    assert bedrock().send(0, "tools T 300", "system S 300 5m", ASK).usage.write_5m == 600


@documented("bedrock", GUIDE)
def test_below_the_minimum_a_request_succeeds_uncached() -> None:
    lookup = bedrock().send(0, "system S 300 5m", ASK)
    assert (lookup.usage, lookup.reason) == (Usage(fresh=310), MissReason.BELOW_MINIMUM)


@documented("bedrock", GUIDE)
def test_4_cache_points_are_the_most() -> None:
    cache = bedrock(minimum=1)
    five = [f"user u{i}_ 10 5m" for i in range(5)]
    assert cache.send(0, *five[1:]).usage == Usage(write_5m=40)
    assert cache.send(1, *five).reason is MissReason.TOO_MANY_BREAKPOINTS


@documented("bedrock", MEASURED, "M")
def test_5m_is_gone_after_6_43_while_1h_lives() -> None:
    cache = bedrock()
    cache.send(0, "system S 600 1h", "user q 100 5m")
    lookup = cache.send(403, "system S 600 1h", "user q 100 5m")
    assert (lookup.usage, lookup.reason) == (Usage(read=600, write_5m=100), MissReason.EXPIRED)


@documented("bedrock", GUIDE)
def test_a_hit_refreshes() -> None:
    cache = bedrock()
    assert [cache.read(now, SYSTEM, ASK) for now in (0, 250, 500)] == [0, 600, 600]


@documented("bedrock", GUIDE)
def test_the_longer_ttl_is_billed_first() -> None:
    usage = bedrock().send(0, "tools T 600 1h", "system S 60 5m", ASK).usage
    assert usage == Usage(fresh=10, write_5m=60, write_1h=600)
    assert rules_of("bedrock", OPUS).longer_first


@documented("bedrock", GUIDE, "M")
@pytest.mark.parametrize(("between", "reads"), [(18, 600), (19, 0)])
def test_about_20_blocks_are_looked_back(between: int, reads: int) -> None:
    cache = bedrock()
    cache.send(0, SYSTEM, ASK)
    many = [f"user u{i}_ 5" for i in range(between)]
    assert cache.read(1, "system S 600", *many, "user end 5 5m") == reads


@documented("bedrock", OURS, "U")
@pytest.mark.parametrize(("runs", "reads"), [([], 0), (["tool_result"], 600)])
def test_whether_tool_results_in_a_row_are_one_block_is_a_knob(runs: list[str], reads: int) -> None:
    cache = bedrock(runs=runs)
    cache.send(0, SYSTEM, ASK)
    many = [f"tool:tool_result u{i}_ 5" for i in range(30)]
    assert cache.read(1, "system S 600", *many, "user end 5 5m") == reads


@documented("bedrock", GUIDE)
@pytest.mark.parametrize(
    "model",
    ["anthropic.claude-3-7-sonnet-20250219-v1:0", "anthropic.claude-3-5-sonnet-20241022-v2:0"],
)
def test_claude_3_7_and_3_5_v2_have_no_1h(model: str) -> None:
    cache = bedrock(model)
    assert cache.send(0, "system S 1100 1h", ASK).usage == Usage(fresh=10, write_5m=1100)
    assert cache.read(400, "system S 1100 1h", ASK) == 0


@documented("bedrock", CLAUDES)
def test_organizations_share_and_others_do_not() -> None:
    cache = bedrock()
    cache.send(0, SYSTEM, ASK, scope="one")
    assert cache.send(1, SYSTEM, ASK, scope="two").reason is MissReason.SCOPE_CHANGED
    assert rules_of("bedrock", OPUS).isolation == "organization"


@documented("bedrock", GUIDE)
def test_implicit_caching_is_off_here() -> None:
    cache = bedrock()
    assert [cache.read(now, "system S 9000", ASK) for now in (0, 1)] == [0, 0]


@documented("bedrock", GUIDE)
def test_cache_reads_are_not_deducted_from_the_quota() -> None:
    assert rules_of("bedrock", OPUS).rate_limit == "free"


@documented("bedrock", GUIDE)
def test_nova_reports_what_it_writes() -> None:
    cache = bedrock("us.amazon.nova-pro-v1:0")
    request = ("system S 2000 5m", ASK)
    assert cache.send(0, *request).usage == Usage(fresh=10, write_5m=2000)
    assert cache.send(1, *request).usage == Usage(fresh=10, read=2000)


@documented("bedrock", GUIDE)
def test_openai_s_models_have_30m_1024_tokens_and_4_breakpoints() -> None:
    rules = rules_of("bedrock", "openai.gpt-5.6-sol")
    assert (rules.minimum, rules.most_markers) == (1024, 4)
    assert [life.seconds for life in rules.lifetimes] == [1800]
    cache = bedrock("openai.gpt-5.6-sol")
    assert [cache.read(now, "user A 1024 end") for now in (0, 1799)] == [0, 1024]


@documented("bedrock", GUIDE)
def test_on_bedrock_openai_s_cached_tokens_do_not_count() -> None:
    assert rules_of("bedrock", "openai.gpt-5.6-sol").rate_limit == "free"


@documented("vertex", CLAUDES)
def test_claude_on_google_cloud_has_claude_s_minimums() -> None:
    cache = Cache("vertex", "claude-opus-4-7@20260401")
    assert [cache.read(now, "system A 2047 5m", ASK) for now in (0, 1)] == [0, 0]
    assert [cache.read(now, "system B 2048 5m", ASK) for now in (2, 3)] == [0, 2048]


@documented("vertex", CLAUDES, "M")
def test_claude_on_google_cloud_is_isolated_by_organization() -> None:
    assert rules_of("vertex", CLAUDE).isolation.startswith("organization")


@documented("vertex", CLAUDES)
def test_claude_on_google_cloud_has_both_ttls() -> None:
    usage = Cache("vertex").send(0, "system S 600 1h", "user q 10 5m").usage
    assert usage == Usage(write_1h=600, write_5m=10)


@documented("azure", CLAUDES)
def test_claude_on_foundry_is_isolated_by_workspace() -> None:
    assert rules_of("azure", CLAUDE).isolation == "workspace"


@documented("azure", CLAUDES)
def test_claude_on_foundry_has_both_ttls() -> None:
    usage = Cache("azure").send(0, "system S 600 1h", "user q 10 5m").usage
    assert usage == Usage(write_1h=600, write_5m=10)
