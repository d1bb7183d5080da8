from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.audit.record import Blocks
from tests.audit.logs import Ask, linked, log_of, texts_of

words = st.sampled_from(["u1", "a1", "u2", "a2", "u3"])
chats = st.lists(
    st.tuples(st.lists(words, max_size=6), st.sampled_from(["s1", "s2"])).map(
        lambda pair: Ask(pair[0], [pair[1]])
    ),
    max_size=25,
)


@settings(deadline=None)
@given(chats)
def test_what_a_row_goes_on_from_is_earlier_and_where_whole_its_beginning(asks: list[Ask]) -> None:
    log = log_of(asks)
    links = linked(log)
    for row in range(len(log.rows)):
        before = links.before[row]
        assert before < row
        assert links.lanes[row] == (links.lanes[before] if before >= 0 else row)
        if links.whole[row]:
            prompt, other = texts_of(log, row), texts_of(log, before)
            assert prompt[: len(other)] == other
        if links.beside[row] >= 0:
            assert links.lanes[links.beside[row]] != row
            assert before < 0


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=6), max_size=25))
def test_blocks_go_on_from_the_latest_row_with_the_deepest_of_their_beginnings(
    paths: list[list[int]],
) -> None:
    log = log_of(
        Ask(
            blocks=Blocks(tuple(bytes(path[: i + 1]) for i in range(len(path))), 64, 64 * len(path))
        )
        for path in paths
    )
    links = linked(log)
    met: dict[tuple[int, ...], int] = {}
    for row, path in enumerate(paths):
        depth = max((i for i in range(len(path) + 1) if tuple(path[:i]) in met), default=0)
        assert links.before[row] == met.get(tuple(path[:depth]), -1)
        # A prefix that was met keeps the row that met it first.
        for i in range(1, len(path) + 1):
            met.setdefault(tuple(path[:i]), row)


def interleaved(seed: int, shots: int, *, volatile: bool) -> tuple[list[Ask], list[int]]:
    """Twelve conversations at once behind one system text and the same examples, and whose
    each request is."""
    rng = random.Random(seed)
    common = [text for n in range(shots) for text in (f"u-shot{n}", f"a-shot{n}")]
    turns = [0] * 12
    asks, whose = [], []
    for clock in range(120):
        who = rng.randrange(len(turns))
        turns[who] += 1
        said = [f"u-{who}-0"]
        for turn in range(1, turns[who]):
            said += [f"a-{who}-{turn}", f"u-{who}-{turn}"]
        system = f"It is 10:{clock:02}, and you help." if volatile else "You help."
        asks.append(Ask([*common, *said], [system]))
        whose.append(who)
    return asks, whose


@pytest.mark.parametrize("volatile", [False, True])
@pytest.mark.parametrize("shots", [0, 1, 5])
def test_interleaved_conversations_come_apart(shots: int, volatile: bool) -> None:
    for seed in range(3):
        asks, whose = interleaved(seed, shots, volatile=volatile)
        lanes = linked(log_of(asks)).lanes
        assert len(set(lanes)) == len(set(whose))
        assert len({*zip(lanes, whose, strict=True)}) == len(set(whose))


def test_one_shots_behind_the_same_examples_are_conversations_of_their_own() -> None:
    asks = [Ask(["u-shot", "a-shot", f"u-{n}"], ["s"]) for n in range(20)]
    assert linked(log_of(asks)).lanes == list(range(20))


def test_a_first_message_that_changes_is_made_up_for_by_what_was_said_since() -> None:
    asks = []
    for turn in range(1, 6):
        said = [f"u at {turn}"]
        for n in range(1, turn):
            said += [f"a{n}", f"u{n}"]
        asks.append(Ask(said, ["s"]))
    assert linked(log_of(asks)).before[2:] == [1, 2, 3]


def test_ids_of_conversations_keep_equal_texts_apart() -> None:
    asks = [
        Ask(said, ["s"], conversation=name)
        for said in (["u1"], ["u1", "a1", "u2"])
        for name in ("one", "two")
    ]
    assert linked(log_of(asks)).lanes == [0, 1, 0, 1]


def test_the_first_of_a_conversation_stands_beside_one_with_the_likest_head() -> None:
    tools = ['{"name":"search"}', '{"name":"book"}']
    asks = [
        Ask(["u1"], ["an airline's agent"], tools),
        Ask(["u2"], ["a poet"]),
        Ask(["u3"], ["an airline's agent, today"], tools),
    ]
    assert linked(log_of(asks)).beside == [-1, -1, 0]
