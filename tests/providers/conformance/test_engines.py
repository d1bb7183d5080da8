"""vLLM, SGLang and TGI."""

from __future__ import annotations

import pytest

from headstart.prompt import Controls
from headstart.usage import MissReason, Usage
from tests.providers.conformance.documented import documented
from tests.providers.prompts import blocks, emulator, rules_of, send

VLLM = "vLLM, protocol.py and kv_events.py"
MANAGER = "vLLM, v1/core/kv_cache_manager.py"
SGLANG = "sglang 0.5.23"


@documented("vllm", VLLM)
def test_vllm_reads_full_blocks_only() -> None:
    flow = emulator("vllm", "any")
    send(flow, blocks(5, 10), 0)
    assert flow.peek(blocks(6, 10), 1).usage.read == 48


@documented("vllm", MANAGER)
def test_vllm_computes_the_last_token_and_so_the_last_block() -> None:
    flow = emulator("vllm", "any")
    send(flow, blocks(4), 0)
    assert flow.peek(blocks(4), 1).usage == Usage(fresh=16, read=48)
    assert flow.peek(blocks(5), 1).usage.read == 64


@documented("vllm", VLLM)
def test_vllm_blocks_are_reusable_at_once() -> None:
    flow = emulator("vllm", "any")
    flow.begin(blocks(4), 0)
    assert flow.peek(blocks(5), 0).usage.read == 64


@documented("vllm", VLLM)
def test_vllm_salts_are_apart() -> None:
    flow = emulator("vllm", "any")
    send(flow, blocks(4, controls=Controls(salt="a")), 0)
    other = flow.peek(blocks(5, controls=Controls(salt="b")), 1)
    assert (other.usage.read, other.reason) == (0, MissReason.SCOPE_CHANGED)
    assert flow.peek(blocks(5, controls=Controls(salt="a")), 1).usage.read == 64


@documented("vllm", VLLM)
def test_vllm_ignores_cache_keys() -> None:
    flow = emulator("vllm", "any")
    send(flow, blocks(4, controls=Controls(key="a")), 0)
    assert flow.peek(blocks(5, controls=Controls(key="b")), 1).usage.read == 64


@documented("vllm", VLLM)
def test_vllm_evicts_what_was_used_longest_ago() -> None:
    flow = emulator("vllm", "any", capacity=128)
    for now, tag in enumerate(("a", "b", "a", "c")):
        send(flow, blocks(4, tag=tag), now)
    assert flow.peek(blocks(5, tag="a"), 9).usage.read == 64
    lost = flow.peek(blocks(5, tag="b"), 9)
    assert (lost.usage.read, lost.reason) == (0, MissReason.EVICTED)


@documented("vllm", VLLM)
def test_vllm_entries_do_not_age() -> None:
    flow = emulator("vllm", "any")
    send(flow, blocks(4), 0)
    assert flow.peek(blocks(5), 1e9).usage.read == 64


@documented("vllm", VLLM)
def test_vllm_s_block_size_is_a_knob() -> None:
    flow = emulator("vllm", "any", granularity=64)
    send(flow, blocks(7), 0)
    assert flow.peek(blocks(8), 1).usage.read == 64


@documented("sglang", SGLANG)
def test_sglang_reads_to_the_token() -> None:
    flow = emulator("sglang", "any")
    send(flow, blocks(5, 7), 0)
    assert flow.peek(blocks(6, 7), 1).usage.read == 35


@documented("sglang", "sglang, schedule_batch.py")
def test_sglang_computes_the_last_token() -> None:
    flow = emulator("sglang", "any")
    send(flow, blocks(4), 0)
    assert flow.peek(blocks(4), 1).usage == Usage(fresh=1, read=63)


@documented("sglang", SGLANG)
def test_sglang_salts_are_apart() -> None:
    flow = emulator("sglang", "any")
    send(flow, blocks(4, controls=Controls(salt="a")), 0)
    assert flow.peek(blocks(5, controls=Controls(salt="b")), 1).usage.read == 0


@documented("tgi", "prefix caching without a discount", "U")
def test_tgi_bills_nothing_for_it() -> None:
    rules = rules_of("tgi", "any")
    assert [life.bucket for life in rules.lifetimes] == [None]
    assert not rules.salt_partitions


@documented("engines", VLLM)
@pytest.mark.parametrize("provider", ["vllm", "sglang", "tgi"])
def test_engines_bill_no_writes(provider: str) -> None:
    assert emulator(provider, "any").peek(blocks(4), 0).usage == Usage(fresh=64)
