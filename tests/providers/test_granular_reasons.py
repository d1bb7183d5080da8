from __future__ import annotations

from headstart.prompt import Chain
from headstart.providers.contract import Divergence
from headstart.providers.granular_reasons import Why, explain
from headstart.providers.granular_request import Found, Place
from headstart.providers.granular_steps import Steps
from headstart.providers.recall import Recall
from headstart.usage import MissReason
from tests.providers.prompts import rules_of

STEPS = Steps(rules_of("sglang", "m"), "m")
PLACE = Place("", "/0", 0)
NOTHING = Found(0, None, 0, ())


def of(name: str) -> Chain:
    return Chain.of_blocks("m", [c.encode() for c in name], 16)


def recall(*names: str) -> Recall:
    """Requests r0, r1 ... of these prompts."""
    memory = Recall(1000)
    for i, name in enumerate(names):
        memory.remember(of(name), "", f"r{i}", i)
    return memory


def test_nothing_seen() -> None:
    assert explain(STEPS, of("abc"), PLACE, NOTHING, recall()) == Why(
        MissReason.FIRST_SIGHT, 0, None
    )


def test_all_that_was_seen_is_read() -> None:
    found = Found(32, "e", 32, ())
    assert explain(STEPS, of("abc"), PLACE, found, recall("ab")) == Why(None, 0, None)


def test_the_reason_that_costs_most_counts() -> None:
    missed = [(16, MissReason.EXPIRED), (32, MissReason.NOT_YET_READABLE)]
    found = Found(0, None, 48, missed)
    why = explain(STEPS, of("abcd"), PLACE, found, recall("ab"))
    assert why == Why(MissReason.NOT_YET_READABLE, 32, None)


def test_of_two_that_cost_the_same_the_first_counts() -> None:
    missed = [(32, MissReason.EXPIRED), (32, MissReason.NOT_YET_READABLE)]
    why = explain(STEPS, of("abcd"), PLACE, Found(0, None, 32, missed), recall("ab"))
    assert why == Why(MissReason.EXPIRED, 32, None)


def test_what_is_remembered_and_not_held_was_evicted() -> None:
    why = explain(STEPS, of("abcd"), PLACE, NOTHING, recall("ab"))
    assert why == Why(MissReason.EVICTED, 32, None)


def test_where_only_whole_prompts_are_read_it_went_another_way() -> None:
    found = NOTHING._replace(parted=None)
    why = explain(STEPS, of("abcd"), PLACE, found, recall("abx"))
    assert why == Why(MissReason.DIVERGED, 32, Divergence(2, None, None, "r0"))


def test_where_prompts_part_is_the_furthest_that_either_memory_knows() -> None:
    why = explain(STEPS, of("abcd"), PLACE, Found(48, "e", 56, ()), recall("abx"))
    assert why == Why(MissReason.DIVERGED, 0, Divergence(3, None, None, "r0"))
    why = explain(STEPS, of("abcd"), PLACE, Found(0, None, 8, ()), recall())
    assert why == Why(MissReason.DIVERGED, 0, Divergence(0, None, None, None))
