"""Which places are candidates, and which directives find what is cached."""

from __future__ import annotations

from dataclasses import replace

from headstart.planner import TrafficPlanner
from headstart.planner.held import Held
from headstart.planner.places import candidates, directives, reaches
from headstart.planner.routing import Routing
from headstart.prompt import Chain, Controls, Mark
from headstart.providers import rules_for
from tests.planner.conftest import DAY, RULES, World


def chain(blocks: int, **more: object) -> Chain:
    made = Chain.of_blocks("m", [b"%d" % i for i in range(blocks)], 512, tools=2, system=4)
    return replace(made, **more)  # type: ignore[arg-type]


def test_candidates_are_sections_the_first_new_place_the_answer_and_the_end() -> None:
    request = World(TrafficPlanner()).request(chain(30, outputs=((21, 24),)), 0.0)
    assert candidates(request, 20 * 512, None) == [
        (1, "tools"),
        (3, "system"),
        (19, "inner"),
        (20, "inner"),
        (24, "inner"),
        (29, "end"),
    ]


def test_what_is_too_short_is_no_candidate() -> None:
    request = replace(World(TrafficPlanner()).request(chain(30), 0.0), minimum=4096)
    assert [segment for segment, _ in candidates(request, 0, None)] == [29]
    assert candidates(replace(request, markable=()), 0, None) == []


def test_prompts_are_written_up_to_where_they_part() -> None:
    request = World(TrafficPlanner()).request(chain(30), 0.0)
    assert (11, "branch") in candidates(request, 0, 12)


def test_an_anchor_is_set_only_where_the_lookback_does_not_reach() -> None:
    request = World(TrafficPlanner()).request(chain(60), 0.0)
    assert directives(request, 20 * 512, -1, 30, ()) == (Mark(30, 300.0),)
    far = directives(request, 20 * 512, -1, 59, ())
    assert far == (Mark(19, 300.0), Mark(59, 300.0))
    assert directives(request, 20 * 512, -1, -1, ()) == (Mark(19, 300.0),)
    assert reaches(request.chain, 39, 20, 20)
    assert not reaches(request.chain, 39, 19, 20)


def test_never_more_than_the_rules_allow() -> None:
    request = World(TrafficPlanner()).request(chain(60), 0.0)
    marks = directives(request, 20 * 512, 30, 59, range(21, 58))
    assert len(marks) == RULES.most_markers
    assert {30, 59} <= {mark.segment for mark in marks}


def test_held_keeps_the_later_end_and_forgets_the_oldest() -> None:
    held = Held(limit=2)
    held.write(b"a", 0.0, 3600.0)
    held.write(b"a", 10.0, 300.0)
    entry = held.get(b"a")
    assert entry is not None
    assert entry.expiry == 3600.0
    held.write(b"b", 0.0, 300.0)
    held.write(b"c", 0.0, 300.0)
    assert held.get(b"a") is None
    held.drop(b"b")
    assert len(held) == 1


def test_prompts_that_begin_alike_share_a_routing_key_until_they_are_too_many() -> None:
    rules = replace(rules_for("openai", "gpt-5.5", DAY)[0], routed=True, overflow=15)
    request = replace(World(TrafficPlanner()).request(chain(30), 0.0), rules=rules)
    routing = Routing()
    first = routing.key(request, 0.0)
    assert first is not None
    assert routing.key(replace(request, chain=chain(40)), 1.0) == first
    crowd = {routing.key(request, 1.0 + i / 10) for i in range(40)}
    assert len(crowd) == 2
    assert routing.key(request, 10_000.0) == first
    own = replace(request, chain=chain(30, controls=Controls(key="mine")))
    assert routing.key(own, 0.0) is None
