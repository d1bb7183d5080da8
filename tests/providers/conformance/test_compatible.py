"""xAI, Mistral, Groq, Kimi and OpenRouter."""

from __future__ import annotations

from datetime import date

import pytest

from headstart.prompt import Controls
from headstart.providers.granular import GranularEmulator
from headstart.providers.rows.qwen_implicit import ROWS as QWEN_IMPLICIT
from headstart.usage import MissReason, Usage
from tests.providers.conformance.documented import documented
from tests.providers.prompts import blocks, emulator, prompt, rules_of, send, text, words

XAI = "xAI prompt caching"
MISTRAL = "Mistral prompt caching"
GROQ = "Groq prompt caching"
KIMI = "Moonshot forum, thread 613"
OPENROUTER = "OpenRouter prompt caching"


@documented("xai", "one community measurement", "L")
def test_xai_hits_come_in_blocks_of_128() -> None:
    flow = emulator("xai", "grok-4.7")
    assert [send(flow, blocks(20), now) for now in (0, 1)] == [0, 256]


@documented("xai", XAI)
def test_xai_conversations_are_routed_by_their_id() -> None:
    flow = emulator("xai", "grok-4.7", machines=1000)
    send(flow, prompt(text(512), session="c1"), 0)
    assert flow.peek(prompt(text(512), "more", session="c1"), 1).usage.read == 512
    other = flow.peek(prompt(text(512), "more", session="c2"), 1)
    assert (other.usage.read, other.reason) == (0, MissReason.ROUTED_ELSEWHERE)


@documented("xai", XAI)
def test_xai_without_an_id_a_miss_is_put_down_to_routing() -> None:
    flow = emulator("xai", "grok-4.7")
    send(flow, blocks(20), 0)
    ticket = flow.begin(blocks(20), 1)
    assert flow.reconcile(ticket, Usage(fresh=320)) is MissReason.ROUTED_ELSEWHERE


@documented("xai", XAI)
def test_xai_evicts_at_any_time() -> None:
    flow = emulator("xai", "grok-4.7")
    chain = blocks(20, controls=Controls(session="c"))
    send(flow, chain, 0)
    ticket = flow.begin(chain, 1)
    assert flow.reconcile(ticket, Usage(fresh=320)) is MissReason.EVICTED
    assert flow.peek(chain, 2).usage.read == 0


@documented("xai", XAI)
def test_xai_editing_a_message_breaks_the_prefix() -> None:
    flow = emulator("xai", "grok-4.7")
    send(flow, prompt(text(256), "b", text(256, "c")), 0)
    assert flow.peek(prompt(text(256), "x", text(256, "c")), 1).usage.read == 256


@documented("mistral", MISTRAL, "M")
def test_mistral_has_blocks_of_64_tokens() -> None:
    flow = emulator("mistral", "mistral-large-4")
    assert [send(flow, blocks(11), now) for now in (0, 1)] == [0, 128]


@documented("mistral", MISTRAL, "M")
def test_mistral_never_hits_below_64() -> None:
    flow = emulator("mistral", "mistral-large-4")
    assert [send(flow, blocks(3), now) for now in (0, 1)] == [0, 0]
    assert flow.peek(blocks(3), 2).reason is MissReason.BELOW_MINIMUM


@documented("mistral", MISTRAL)
def test_mistral_keys_raise_the_chance_of_a_hit() -> None:
    flow = emulator("mistral", "mistral-large-4", machines=1000)
    send(flow, prompt(text(512), key="k"), 0)
    assert flow.peek(prompt(text(512), key="k"), 1).usage.read == 512
    assert flow.peek(prompt(text(512), key="l"), 1).reason is MissReason.ROUTED_ELSEWHERE


@documented("groq", GROQ)
def test_groq_entries_live_two_hours_idle() -> None:
    flow = emulator("groq", "openai/gpt-oss-120b")
    assert [send(flow, blocks(20), now) for now in (0, 7199, 14_399)] == [0, 320, 0]


@documented("groq", GROQ)
def test_groq_cached_tokens_do_not_count_towards_limits() -> None:
    assert rules_of("groq", "openai/gpt-oss-120b").rate_limit == "free"


@documented("groq", GROQ)
def test_groq_writes_for_nothing() -> None:
    assert emulator("groq", "gpt-oss-20b").peek(blocks(20), 0).usage == Usage(fresh=320)


@documented("kimi", KIMI, "M")
def test_kimi_bills_writes_into_5m_by_default() -> None:
    assert emulator("kimi", "kimi-k3").peek(blocks(16), 0).usage == Usage(write_5m=256)


@documented("kimi", KIMI, "M")
def test_kimi_s_ttl_chooses_the_lifetime() -> None:
    flow = emulator("kimi", "kimi-k3.1-pro")
    hour = blocks(16, controls=Controls(ttl=3600.0))
    assert flow.peek(hour, 0).usage == Usage(write_1h=256)
    assert [send(flow, hour, now) for now in (0, 3599, 7199)] == [0, 256, 0]


@documented("kimi", KIMI, "M")
def test_kimi_s_five_minutes_are_renewed_by_hits() -> None:
    flow = emulator("kimi", "kimi-k3")
    assert [send(flow, blocks(16), now) for now in (0, 299, 598, 898)] == [0, 256, 256, 0]


@documented("kimi", KIMI, "M")
def test_kimi_a_partial_hit_writes_the_rest() -> None:
    flow = emulator("kimi", "kimi-k3")
    send(flow, blocks(16), 0)
    assert flow.peek(blocks(40), 1).usage == Usage(fresh=128, read=256, write_5m=256)


@documented("kimi", "one client's measurement", "L")
def test_kimi_has_chunks_of_256_and_ignores_keys() -> None:
    flow = emulator("kimi", "kimi-k3")
    send(flow, blocks(40, controls=Controls(key="a")), 0)
    assert flow.peek(blocks(40, controls=Controls(key="b")), 1).usage.read == 512


@documented("kimi", KIMI, "M")
def test_kimi_k2_bills_no_writes() -> None:
    assert emulator("kimi", "kimi-k2.6").peek(blocks(40), 0).usage == Usage(fresh=640)


@documented("kimi", KIMI, "M")
def test_kimi_billed_no_writes_before_autumn_2026() -> None:
    flow = emulator("kimi", "kimi-k3", date(2026, 8, 1))
    assert flow.peek(blocks(40), 0).usage == Usage(fresh=640)


@documented("openrouter", OPENROUTER)
@pytest.mark.parametrize(
    ("model", "provider", "underlying"),
    [
        ("openai/gpt-5.5", "openai", "gpt-5.5"),
        ("openai/gpt-4.1", "openai", "gpt-4.1"),
        ("google/gemini-3.8-flash", "gemini", "gemini-3.8-flash"),
        ("deepseek/deepseek-v4-pro", "deepseek", "deepseek-v4-pro"),
        ("x-ai/grok-4.7", "xai", "grok-4.7"),
        ("mistralai/mistral-large-4", "mistral", "mistral-large-4"),
        ("moonshotai/kimi-k3", "kimi", "kimi-k3"),
    ],
)
def test_openrouter_passes_the_provider_s_rules_through(
    model: str, provider: str, underlying: str
) -> None:
    through, direct = rules_of("openrouter", model), rules_of(provider, underlying)
    for name in ("scheme", "lifetimes", "granularity", "minimum", "report", "settings", "since"):
        assert getattr(through, name) == getattr(direct, name)


@documented("openrouter", OPENROUTER)
def test_openrouter_is_sticky() -> None:
    rules = rules_of("openrouter", "openai/gpt-5.5")
    assert rules.routed
    assert any("10 minutes" in note for note in rules.notes)


@documented("openrouter", OPENROUTER)
def test_openrouter_passes_no_cache_objects_through() -> None:
    assert not rules_of("openrouter", "google/gemini-3.8-flash").resources


@documented("openrouter", "makers whose rules are not known", "U")
def test_openrouter_other_makers_have_no_cache() -> None:
    flow = emulator("openrouter", "acme/one")
    assert flow.peek(blocks(100), 0).reason is MissReason.UNSUPPORTED


QWEN = "Qwen context cache"


@documented("qwen-implicit", QWEN, "M")
@pytest.mark.parametrize(("at", "least"), [(date(2026, 3, 1), 256), (date(2026, 10, 11), 1024)])
def test_qwen_s_implicit_minimum_rose(at: date, least: int) -> None:
    row = max((row for row in QWEN_IMPLICIT if row.since <= at), key=lambda row: row.since)
    flow = GranularEmulator(row, "qwen3.7-max", count=words)
    assert [send(flow, blocks(least // 16), now) for now in (0, 1)] == [0, least]
    other = blocks(least // 16 - 1, tag="c")
    assert [send(flow, other, now) for now in (2, 3)] == [0, 0]


@documented("qwen-implicit", QWEN)
def test_qwen_s_implicit_cache_can_not_be_switched_off_and_writes_for_nothing() -> None:
    assert {row.implicit for row in QWEN_IMPLICIT} == {"always"}
    assert {life.bucket for row in QWEN_IMPLICIT for life in row.lifetimes} == {None}
