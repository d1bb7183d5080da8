"""Planners that tell each other of their requests plan as one that saw them all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.planner import Fact, Key, Outcome, PlannedRequest, Rates, TrafficPlanner, Wake
from headstart.prompt import Mark
from tests.planner.conftest import KEY, World

STEP = st.tuples(
    st.integers(0, 2),  # which planner is asked
    st.integers(0, 3),  # which conversation
    st.sampled_from(["grow", "repeat", "new", "edit"]),
    st.integers(1, 40),  # blocks
    st.sampled_from([0.0, 1.0, 30.0, 290.0, 310.0, 3000.0, 3700.0, 100_000.0]),
    st.sampled_from([("text",), ("tool_result",), ("text", "tool_result")]),
    st.sampled_from(["end_turn", "tool_use"]),
    st.sampled_from(["good", "good", "good", "failed", "marked"]),
)


class Brief(World):
    """Only the shorter lifetime is sold: pauses beyond it are bridged by pings."""

    def request(self, *given: Any, **named: Any) -> PlannedRequest:
        return replace(super().request(*given, **named), rates=Rates(0.1, ((300.0, 1.25),), 5.0))


def told(planners: list[TrafficPlanner], clock: list[float]) -> None:
    """Each fact goes through its wire form to all others at once."""

    def tell(teller: TrafficPlanner) -> None:
        def hear(fact: Fact) -> None:
            found = msgspec.msgpack.decode(msgspec.msgpack.encode(fact), type=Fact)
            for planner in planners:
                if planner is not teller:
                    planner.learn(found, clock[0])

        teller.tell = hear

    for planner in planners:
        tell(planner)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=50))
def test_three_planners_that_tell_each_other_plan_as_one(steps: list[tuple[Any, ...]]) -> None:
    one = World(TrafficPlanner(credit=30_000.0), ping_output=1)
    several = [TrafficPlanner(credit=30_000.0) for _ in range(3)]
    shared = World(several[0], ping_output=1)
    clock = [0.0]
    told(several, clock)
    talks: dict[int, list[str]] = {}
    for number, (planner, who, what, size, pause, inputs, stop, fate) in enumerate(steps):
        clock[0] += pause
        talk = talks.setdefault(who, ["shared", "shared too"])
        if what == "new":
            talk[2:] = []
        if what == "edit":
            talk[1:2] = [f"edited {number}"]
        if what != "repeat":
            talk += [f"{number}/{i}" for i in range(size)]
        shared.planner = several[planner]
        for world in (one, shared):
            marks = [Mark(len(talk) - 1, 300.0)] if fate == "marked" else []
            world.ask(
                talk, clock[0], inputs=inputs, marks=marks, system=2, stop=stop,
                ok=fate != "failed",
            )  # fmt: skip
        assert replace(shared.plans[-1], serial=0) == replace(one.plans[-1], serial=0)
    assert shared.spent == one.spent


def paused(world: World, clock: list[float]) -> list[str]:
    """A conversation of bursts, with pauses between them that a ping bridges."""
    blocks = [f"b{i}" for i in range(40)]
    for turn in range(15):
        clock[0] += 400.0
        for step in ("tool_use", "tool_use", "end_turn"):
            clock[0] += 20.0
            inputs = ("text",) if step == "end_turn" else ("tool_result",)
            world.ask(blocks, clock[0], stop=step, inputs=inputs)
            blocks += [f"answer {turn} {len(blocks)}", f"question {turn}"]
    return blocks


def test_a_request_elsewhere_ends_the_pings_of_the_prompt_that_it_goes_on_with() -> None:
    here, there = TrafficPlanner(), TrafficPlanner()
    clock = [0.0]
    told([here, there], clock)
    world = Brief(here, ping_output=1)
    blocks = paused(world, clock)
    wake = world.wakes[-1]
    assert here.due(wake, wake.at)
    world.planner = there
    clock[0] = wake.at + 1
    world.ask(blocks, clock[0])
    assert not here.due(wake, wake.at + 2)


def test_the_same_prompt_answered_elsewhere_is_pinged_there_alone() -> None:
    here, there = TrafficPlanner(), TrafficPlanner()
    clock = [0.0]
    told([here, there], clock)
    world = Brief(here, ping_output=1)
    blocks = paused(world, clock)
    world.ask(blocks, clock[0])
    first = world.wakes[-1]
    world.planner = there
    world.ask(blocks, clock[0] + 1)
    second = world.wakes[-1]
    assert first is not second
    assert not here.due(first, first.at)
    assert there.due(second, second.at)


def test_of_two_answers_whose_facts_cross_the_later_one_is_pinged() -> None:
    here, there = TrafficPlanner(), TrafficPlanner()
    clock = [0.0]
    told([here, there], clock)
    world = Brief(here, ping_output=1)
    blocks = paused(world, clock)
    crossing: list[list[Fact]] = [[], []]
    here.tell, there.tell = crossing[0].append, crossing[1].append
    world.ask(blocks, clock[0])
    first = world.wakes[-1]
    world.planner = there
    world.ask(blocks, clock[0] + 1)
    second = world.wakes[-1]
    for planner, facts in ((there, crossing[0]), (here, crossing[1])):
        for fact in facts:
            planner.learn(fact, clock[0] + 2)
    assert not here.due(first, first.at)
    assert there.due(second, second.at)


def test_the_money_of_a_ping_is_told() -> None:
    heard: list[Fact] = []
    world, clock = Brief(TrafficPlanner(), ping_output=1), [0.0]
    paused(world, clock)
    world.planner.tell = heard.append
    wake = world.wakes[-1]
    assert world.planner.due(wake, wake.at)
    (fact,) = heard
    assert fact.key == KEY
    assert fact.spent[0][0] > 0
    assert not fact.watched


def test_a_clock_ahead_is_held_back() -> None:
    planner, heard = TrafficPlanner(), []
    teller = World(TrafficPlanner())
    teller.planner.tell = heard.append
    blocks = [f"b{i}" for i in range(20)]
    teller.ask(blocks, 1e9)
    planner.learn(heard[0], 5.0)
    expiries = [entry.expiry for entry in planner._memory.held._entries.values()]
    assert expiries == [305.0]


def test_names_of_any_length_are_not_told() -> None:
    assert Fact(KEY, 0.0).tellable
    assert not Fact(Key("t", "u", "m" * 1000), 0.0).tellable


def test_an_unknown_wake_costs_nothing() -> None:
    heard: list[Fact] = []
    planner = TrafficPlanner()
    planner.tell = heard.append
    assert not planner.due(Wake(0.0, 7, 0), 0.0)
    assert planner.pinged(Wake(0.0, 7, 0), Outcome(None, None, 0.0, 0.0)) is None
    assert not heard
