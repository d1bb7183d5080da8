from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.prompt import Chain, Controls
from headstart.providers.granular_route import Router, partition
from tests.providers.prompts import blocks, rules_of

RULES = rules_of("openai", "gpt-5.5")


def of(**controls: str) -> Chain:
    return blocks(40, controls=Controls(**controls))  # type: ignore[arg-type]


def test_without_anything_that_parts_there_is_one_partition() -> None:
    assert partition(RULES, of(key="a", user="b", salt="c"), "") == ""


@pytest.mark.parametrize(
    ("knob", "control"),
    [
        ("key_partitions", "key"),
        ("user_partitions", "user"),
        ("salt_partitions", "salt"),
        ("resources", "resource"),
    ],
)
def test_what_parts_is_named_by_a_digest(knob: str, control: str) -> None:
    rules = replace(RULES, **{knob: True})
    names = {partition(rules, of(**{control: value}), scope) for value in "ab" for scope in "xy"}
    assert len(names) == 4
    assert not names & {"a", "b", "x", "y"}
    assert partition(rules, of(**{control: "a"}), "x") in names


def test_partitions_are_not_confused_by_their_spelling() -> None:
    rules = replace(RULES, key_partitions=True, user_partitions=True)
    one = partition(rules, of(key="a", user="b"), "")
    assert one != partition(rules, of(key="b", user="a"), "")
    assert one != partition(rules, of(key="a"), "b")
    assert partition(rules, of(key="\ud800"), "")


def test_one_machine_is_certain() -> None:
    router = Router(RULES, 10)
    assert {router.machine(of(key=str(i)), "", 0) for i in range(50)} == {0}


def test_machines_are_chosen_by_key_and_first_tokens() -> None:
    router = Router(replace(RULES, machines=10_000), 10)
    assert router.machine(of(key="a"), "", 0) == router.machine(of(key="a"), "", 9)
    assert router.machine(of(key="a"), "", 0) != router.machine(of(key="b"), "", 0)
    early, late = blocks(40, tag="x"), blocks(41)
    assert router.machine(early, "", 0) != router.machine(blocks(40), "", 0)
    assert router.machine(late, "", 0) == router.machine(blocks(40), "", 0)


def test_a_conversation_is_routed_by_its_id_alone() -> None:
    router = Router(replace(RULES, machines=10_000), 10)
    other = blocks(40, tag="x", controls=Controls(session="s"))
    assert router.machine(of(session="s"), "", 0) == router.machine(other, "", 0)


def test_overflow_is_by_the_minute() -> None:
    router = Router(replace(RULES, machines=10_000, overflow=2), 10)
    seen = []
    for now in (0, 1, 2, 3, 60):
        seen.append(router.machine(of(key="a"), "", now))
        router.sent(of(key="a"), "", now)
    assert seen[0] == seen[1] == seen[4]
    assert seen[2] == seen[3] == (seen[0] + 1) % 10_000


def test_what_is_counted_is_bounded() -> None:
    router = Router(replace(RULES, machines=4, overflow=2), 10)
    for i in range(100):
        router.sent(of(key=str(i)), "", 0)
    assert len(router._seen) <= 10


@pytest.mark.parametrize("knobs", [{"machines": 0}, {"overflow": 0}])
def test_routing_that_makes_no_sense_is_refused(knobs: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no routing"):
        Router(replace(RULES, **knobs), 10)
