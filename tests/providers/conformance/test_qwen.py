"""Qwen's explicit cache, before Qwen4 and from it on."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.usage import MissReason, Usage
from tests.providers.conformance.documented import documented
from tests.providers.marked import Cache
from tests.providers.prompts import rules_of

GUIDE = "Model Studio context cache, 2026-10-11"
QWEN4 = "Model Studio explicit cache of Qwen4, 2026-11-16"

SYSTEM, ASK = "system S 1100 5m", "user q 10"


def qwen(**knobs: Any) -> Cache:
    return Cache("qwen", "qwen3.7-max", **knobs)


@documented("qwen", GUIDE)
def test_a_marker_writes_and_the_next_request_reads() -> None:
    cache = qwen()
    assert cache.send(0, SYSTEM, ASK).usage == Usage(fresh=10, write_5m=1100)
    assert cache.send(1, SYSTEM, ASK).usage == Usage(fresh=10, read=1100)


@documented("qwen", GUIDE)
def test_1024_tokens_are_the_minimum() -> None:
    cache = qwen()
    assert [cache.read(now, "system A 1023 5m", ASK) for now in (0, 1)] == [0, 0]
    assert [cache.read(now, "system B 1024 5m", ASK) for now in (2, 3)] == [0, 1024]


@documented("qwen", GUIDE)
def test_4_markers_are_the_most() -> None:
    lookup = qwen(minimum=1).send(0, *[f"user u{i}_ 10 5m" for i in range(5)])
    assert lookup.reason is MissReason.TOO_MANY_BREAKPOINTS


@documented("qwen", GUIDE)
@pytest.mark.parametrize(("between", "reads"), [(18, 1100), (19, 0)])
def test_20_blocks_are_looked_back(between: int, reads: int) -> None:
    cache = qwen()
    cache.send(0, SYSTEM, ASK)
    many = [f"user u{i}_ 5" for i in range(between)]
    assert cache.read(1, "system S 1100", *many, "user end 5 5m") == reads


@documented("qwen", GUIDE)
def test_5_minutes_start_anew_at_a_hit() -> None:
    cache = qwen()
    assert [cache.read(now, SYSTEM, ASK) for now in (0, 299, 598, 898)] == [0, 1100, 1100, 0]


@documented("qwen", GUIDE)
def test_the_entry_exists_after_the_model_has_answered() -> None:
    cache = qwen()
    ticket = cache.begin(0, SYSTEM, ASK)
    assert cache.peek(30, SYSTEM, ASK).reason is MissReason.NOT_YET_READABLE
    ticket.first_byte(31)
    assert cache.read(32, SYSTEM, ASK) == 1100
    assert rules_of("qwen", "qwen3.7-max").readable == "end"


@documented("qwen", GUIDE)
def test_a_request_uses_the_explicit_or_the_implicit_cache_and_never_both() -> None:
    cache = qwen()
    cache.send(0, SYSTEM, ASK)
    assert cache.read(1, "system S 1100", ASK) == 0
    assert cache.read(2, "system S 1100", ASK) == 1110
    assert cache.read(3, SYSTEM, ASK) == 1100


@documented("qwen", QWEN4)
def test_qwen4_has_an_hour_too() -> None:
    cache = Cache("qwen", "qwen4-max")
    assert cache.send(0, "system S 1100 1h", ASK).usage == Usage(fresh=10, write_1h=1100)
    assert cache.read(3599, "system S 1100 1h", ASK) == 1100


@documented("qwen", QWEN4)
@pytest.mark.parametrize(
    ("first", "then", "reads"), [("5m", "1h", 1100), ("1h", "5m", 0)], ids=["longer", "shorter"]
)
def test_qwen4_renews_with_this_request_s_ttl(first: str, then: str, reads: int) -> None:
    cache = Cache("qwen", "qwen4-max")
    cache.send(0, f"system S 1100 {first}", ASK)
    cache.send(100, f"system S 1100 {then}", ASK)
    assert cache.read(3650, f"system S 1100 {then}", ASK) == reads


@documented("qwen", QWEN4)
def test_qwen4_writes_only_what_is_new_at_a_partial_hit() -> None:
    cache = Cache("qwen", "qwen4-max")
    cache.send(0, SYSTEM, ASK)
    assert cache.send(1, SYSTEM, "user r 50 5m").usage == Usage(read=1100, write_5m=50)


@documented("qwen", QWEN4)
def test_qwen4_puts_the_automatic_breakpoint_at_the_end_of_the_input() -> None:
    cache = Cache("qwen", "qwen4-max")
    assert cache.send(0, "system S 1100", ASK + " 5m", automatic=True).usage.write_5m == 1110


@documented("qwen", QWEN4)
def test_qwen4_takes_openai_s_directive() -> None:
    assert rules_of("qwen", "qwen4-max").marker == "prompt_cache_breakpoint"
