"""Where requests part: what was planted is found where it stands, and nothing else."""

from __future__ import annotations

import random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.audit.causes import Found, Pair
from headstart.audit.log import Log
from headstart.audit.partings import Partings
from headstart.prompt import Kind
from tests.audit.logs import LONG, Ask, linked, log_of

TOOLS = [f'{{"name":"tool{i}","description":"{LONG[:300]}"}}' for i in range(4)]


def parted(asks: list[Ask]) -> tuple[Log, Found]:
    log = log_of(asks)
    return log, Partings(log, linked(log)).found


def said(turns: int) -> list[str]:
    found = ["u0 " + LONG[:250]]
    for turn in range(1, turns):
        found += [f"a{turn} {LONG[:250]}", f"u{turn} {LONG[:250]}"]
    return found


def causes(found: Found) -> dict[tuple[str, Kind], list[Pair]]:
    return {(cause.cause, cause.section): pairs for cause, pairs in found.pairs.items()}


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 3), st.integers(2, 6), st.integers(0, 2**30))
def test_what_changes_in_one_place_is_found_there(place: int, turns: int, seed: int) -> None:
    rng = random.Random(seed)
    asks = []
    for turn in range(1, turns + 1):
        system = [f"Part {i}. {LONG}" for i in range(4)]
        system[place] = f"Part {place}. Request {UUID(int=rng.getrandbits(128), version=4)}. {LONG}"
        asks.append(Ask(said(turn), system, TOOLS))
    _, found = parted(asks)
    assert causes(found) == {
        ("uuid", Kind.SYSTEM): [Pair(i - 1, i, 4 + place, 4 + place) for i in range(1, turns)]
    }


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=12))
def test_conversations_that_only_grow_do_not_part(turns: list[int]) -> None:
    asks = [Ask(said(turn), [LONG], TOOLS) for turn in sorted(turns)]
    assert parted(asks)[1].pairs == {}


def test_tools_in_another_order_are_told_from_tools_that_come_and_go() -> None:
    asks = [
        Ask(said(1), [LONG], TOOLS),
        Ask(said(2), [LONG], [TOOLS[2], *TOOLS[:2], TOOLS[3]]),
        Ask(said(3), [LONG], TOOLS),
        Ask(said(4), [LONG], TOOLS[:3]),
        Ask(said(5), [LONG], TOOLS),
    ]
    found = parted(asks)[1]
    named = causes(found)
    assert {name: [pair.row for pair in pairs] for name, pairs in named.items()} == {
        ("tool_order", Kind.TOOL): [1, 2],
        ("tool_removed", Kind.TOOL): [3],
        ("tool_added", Kind.TOOL): [4],
    }
    assert found.moved == {3, 4}


def test_history_that_is_cut_is_no_edit() -> None:
    whole = said(6)
    asks = [Ask(whole[:9], [LONG]), Ask([whole[0], *whole[3:]], [LONG])]
    [(cause, [pair])] = parted(asks)[1].pairs.items()
    assert (cause.cause, pair.segment, pair.old) == ("history_cut", 2, 2)


def test_between_conversations_only_what_comes_back_is_a_wording() -> None:
    one, two = f"Be brief. {LONG}", f"Be thorough. {LONG}"
    asks = [Ask([f"u-{i}"], [one if i % 2 else two]) for i in range(6)]
    _, found = parted(asks)
    assert {cause.cause for cause in found.pairs} == {"content"}
    assert all(cause.across for cause in found.pairs)
    once = [Ask([f"u-{i}"], [one if i > 2 else two]) for i in range(6)]
    assert parted(once)[1].pairs == {}


@pytest.mark.parametrize("count", [2, 5])
def test_templates_of_one_text_become_one(count: int) -> None:
    """Each conversation shows a change of its own; they are all of one system text."""
    asks = []
    for n in range(count):
        for turn in range(1, 4):
            stamp = f"2026-11-{10 + n:02} 10:00:{10 * turn:02}"
            asks.append(Ask([f"u-{n}", *said(turn)], [f"It is {stamp}. {LONG}"]))
    log, found = parted(asks)
    [number] = {cause.template for cause in found.pairs}
    assert len(found.templates[number].variants) == 3 * count
    assert all(not one.variants for one in found.templates if one.number != number)
    first = {log.segments.faces[log.segments_of(row)[0]].digest for row in log.rows}
    assert {found.of_digest[digest] for digest in first} == {number}
