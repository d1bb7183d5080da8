"""DeepSeek's prefix units."""

from __future__ import annotations

from headstart.usage import MissReason, Usage
from tests.providers.conformance.documented import documented
from tests.providers.prompts import blocks, emulator, prompt, send, text

DOC = "DeepSeek kv_cache guide"
SYSTEM = ("system", text(1000))


@documented("deepseek", DOC)
def test_a_hit_needs_a_full_match_of_a_unit() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, blocks(10), 0)
    assert flow.peek(blocks(9), 60).usage.read == 0
    assert flow.peek(blocks(11), 60).usage.read == 160


@documented("deepseek", DOC)
def test_a_unit_persists_at_the_end_of_user_input() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, prompt(SYSTEM, "one"), 0)
    assert flow.peek(prompt(SYSTEM, "one", "two"), 60).usage == Usage(fresh=1, read=1001)


@documented("deepseek", DOC)
def test_a_unit_persists_at_the_end_of_model_output() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, prompt(SYSTEM, "one"), 0)
    turn = prompt(SYSTEM, "one", ("assistant", "well yes"), "two")
    assert flow.peek(turn, 60).usage == Usage(fresh=1, read=1003)


@documented("deepseek", DOC)
def test_a_common_prefix_of_two_misses_is_stored_for_the_third() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    reads = [send(flow, prompt(SYSTEM, q), now) for now, q in ((0, "b"), (60, "c"), (120, "d"))]
    assert reads == [0, 0, 1000]


@documented("deepseek", DOC)
def test_units_at_fixed_intervals_are_a_knob_as_the_interval_is_not_stated() -> None:
    none, some = (emulator("deepseek", "deepseek-flash", interval=interval) for interval in (0, 64))
    for flow in (none, some):
        send(flow, blocks(10), 0)
    assert [flow.peek(blocks(9), 60).usage.read for flow in (none, some)] == [0, 128]


@documented("deepseek", DOC)
def test_building_takes_seconds() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, blocks(10), 0)
    assert flow.peek(blocks(11), 1).reason is MissReason.NOT_YET_READABLE
    assert flow.peek(blocks(11), 5).usage.read == 160


@documented("deepseek", DOC)
def test_units_are_cleared_after_hours() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, blocks(10), 0)
    assert flow.peek(blocks(11), 7199).usage.read == 160
    assert flow.peek(blocks(11), 7200).reason is MissReason.EXPIRED


@documented("deepseek", "a note of 2026-10-01 on the API", "M")
def test_user_id_isolates() -> None:
    flow = emulator("deepseek", "deepseek-v4-pro")
    send(flow, prompt(SYSTEM, "b", user="u1"), 0)
    assert flow.peek(prompt(SYSTEM, "b", user="u1"), 60).usage.read == 1001
    other = flow.peek(prompt(SYSTEM, "b", user="u2"), 60)
    assert (other.usage.read, other.reason) == (0, MissReason.SCOPE_CHANGED)


@documented("deepseek", DOC)
def test_hit_and_miss_are_all_there_is() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, blocks(10), 0)
    usage = flow.peek(blocks(12), 60).usage
    assert usage == Usage(fresh=32, read=160)
    assert usage.written == 0


@documented("deepseek", DOC)
def test_there_is_no_minimum() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, blocks(1, 2), 0)
    assert flow.peek(blocks(1, 2), 60).usage.read == 2
