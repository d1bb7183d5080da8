"""Where requests go: what they share, what waits, who is there."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.planner.affinity import Affinity, Asked, Choice, Sent, block_keys

PIECE = 256
"""Tokens of a symbol."""


def asked(word: str, *, scale: int = PIECE) -> Asked:
    """A letter is a piece; equal beginnings are equal prefixes."""
    key = b"".join(hash(word[: n + 1]).to_bytes(8, "big", signed=True) for n in range(len(word)))
    ends = range(scale, scale * len(word) + 1, scale)
    return Asked(key, ends, scale * len(word), key[:8])


def fleet(count: int, capacity: int = 10**7, **options: float) -> Affinity:
    affinity = Affinity(**options)
    for number in range(count):
        affinity.add(f"r{number}", capacity)
    return affinity


def send(affinity: Affinity, prompt: Asked, now: float = 0.0) -> Sent:
    choice = affinity.choose(prompt, now)
    assert choice is not None
    return affinity.sent(choice, prompt, now)


def serve(affinity: Affinity, prompt: Asked, now: float = 0.0) -> Choice:
    sent = send(affinity, prompt, now)
    affinity.begun(sent)
    affinity.ended(sent)
    return sent.choice


def test_a_conversation_stays_where_its_prefix_is() -> None:
    affinity = fleet(4)
    first = serve(affinity, asked("abcd" * 8))
    for number in range(20):
        serve(affinity, asked(f"{chr(400 + number)}bcd" * 8), float(number))
    second = serve(affinity, asked("abcd" * 8 + "x"), 30.0)
    assert second.name == first.name
    assert (second.held, second.fresh) == (32 * PIECE, PIECE)


def test_it_leaves_where_waiting_costs_more_than_computing_it_again() -> None:
    affinity = fleet(2)
    home = serve(affinity, asked("ab"))
    while (choice := affinity.choose(asked("ab"), 0.0)) is not None and choice.name == home.name:
        affinity.sent(choice, asked("ab"), 0.0)
        affinity.loads.given(choice.slot, 1024, 0.0)
        assert affinity.loads.waiting[choice.slot] < 10**6
    assert choice is not None
    assert (choice.held, choice.best) == (0, 2 * PIECE)


def test_a_hot_prefix_spreads() -> None:
    affinity = fleet(8)
    given: Counter[str] = Counter()
    for number in range(400):
        sent = send(affinity, asked("hot prefix" + chr(1000 + number)), number / 10)
        given[sent.choice.name] += sent.tokens
        affinity.begun(sent)
        affinity.ended(sent)
    assert len(given) == 8
    assert max(given.values()) / (sum(given.values()) / 8) <= 1.25


def test_cold_families_spread_evenly_and_stick() -> None:
    first, second = fleet(8), fleet(8)
    families = [asked(chr(2000 + number)) for number in range(800)]
    chosen = Counter(c.name for p in families if (c := first.choose(p, 0.0)) is not None)
    assert len(chosen) == 8
    assert max(chosen.values()) <= 1.4 * 100
    assert [first.choose(p, 0.0) for p in families] == [second.choose(p, 0.0) for p in families]


def test_a_replica_that_goes_moves_its_own_families_alone() -> None:
    affinity = fleet(5)
    families = [asked(chr(2000 + number)) for number in range(100)]
    before = [affinity.choose(p, 0.0) for p in families]
    affinity["r2"].open = False
    after = [affinity.choose(p, 0.0) for p in families]
    moved = [a for a, b in zip(before, after, strict=True) if a != b]
    assert moved
    assert all(choice is not None and choice.name == "r2" for choice in moved)
    assert affinity.choose(families[0], 0.0, without=["r0", "r1", "r3", "r4"]) is None


def test_weights_share_out_cold_work() -> None:
    affinity = Affinity()
    affinity.add("small", 10**7)
    affinity.add("large", 10**7, weight=3.0)
    given: Counter[str] = Counter()
    for number in range(400):
        given[serve(affinity, asked(chr(3000 + number) * 4), number / 100).name] += 1
    assert 2.2 < given["large"] / given["small"] < 3.8
    with pytest.raises(ValueError, match="weight"):
        affinity.add("none", 1, weight=0.0)


def test_reported_usage_corrects_what_is_believed() -> None:
    affinity = fleet(1)
    for word in ("old" * 8, "new" * 8):
        serve(affinity, asked(word))
    again = send(affinity, asked("new" * 8))
    affinity.ended(again, read=24 * PIECE - 16, tokens=24 * PIECE)
    assert affinity.history.held(0) == 48 * PIECE, "whole blocks alone are read"
    again = send(affinity, asked("new" * 8))
    affinity.ended(again, read=0, tokens=24 * PIECE)
    assert affinity.history.held(0) == 24 * PIECE, "what was last used before is gone too"
    assert affinity.history.match(asked("old").key)[0].tokens == 0


def test_an_engine_that_reports_nothing_corrects_nothing() -> None:
    affinity = fleet(1)
    serve(affinity, asked("abc" * 8))
    affinity.ended(send(affinity, asked("abc" * 8)), read=0, tokens=24 * PIECE)
    affinity.ended(send(affinity, asked("abc" * 8)))
    assert affinity.history.held(0) == 24 * PIECE
    assert not affinity["r0"].reports


def test_a_miss_while_the_prefix_was_being_computed_corrects_nothing() -> None:
    affinity = fleet(1)
    affinity["r0"].reports = True
    first = send(affinity, asked("abc" * 8))
    second = send(affinity, asked("abc" * 8 + "d"))
    assert second.choice.held == 24 * PIECE
    affinity.ended(second, read=0, tokens=25 * PIECE)
    affinity.ended(first)
    assert affinity.history.held(0) == 25 * PIECE


def test_a_request_that_never_got_there_leaves_nothing() -> None:
    affinity = fleet(2)
    sent = send(affinity, asked("abc"))
    affinity.failed(sent)
    assert affinity.history.held(sent.choice.slot) == 0
    assert affinity.loads.waiting == {0: 0, 1: 0}
    assert not affinity[sent.choice.name].pending


def test_events_count_for_more_than_history() -> None:
    affinity = fleet(2)
    ids = list(range(64))
    prompt = asked("abcd", scale=16)._replace(blocks=block_keys(ids, 16), block_tokens=16)
    home = serve(affinity, prompt, 0.0)
    other = "r1" if home.name == "r0" else "r0"
    for name in ("r0", "r1"):
        affinity[name].exact = True
    affinity.blocks.stored(affinity[other].slot, [1, 2, 3, 4], None, ids, 16)
    choice = affinity.choose(prompt, 1000.0)
    assert choice is not None
    assert (choice.name, choice.held) == (other, 64)
    affinity.clear(other)
    choice = affinity.choose(prompt, 2000.0)
    assert choice is not None
    assert choice.held == 0, "the history's replica would have said so itself"


def test_history_counts_while_a_prompt_is_being_computed_or_events_were_lost() -> None:
    affinity = fleet(1)
    ids = list(range(64))
    prompt = asked("abcd", scale=16)._replace(blocks=block_keys(ids, 16), block_tokens=16)
    affinity["r0"].exact = True
    sent = send(affinity, prompt)
    choice = affinity.choose(prompt, 0.0)
    assert choice is not None
    assert choice.held == 64
    affinity.ended(sent)
    choice = affinity.choose(prompt, 0.0)
    assert choice is not None
    assert choice.held == 0
    affinity["r0"].exact = False
    choice = affinity.choose(prompt, 0.0)
    assert choice is not None
    assert choice.held == 64


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["send", "begin", "end", "fail", "add", "remove", "toggle"]),
            st.integers(0, 5),
            st.text("ab", max_size=6),
        ),
        max_size=60,
    )
)
def test_books_balance_whatever_comes_and_goes(steps: list[tuple[str, int, str]]) -> None:
    affinity = fleet(2, capacity=1000)
    going: list[Sent] = []
    for now, (step, number, word) in enumerate(steps):
        name = f"r{number}"
        if step == "send":
            prompt = asked(word)
            choice = affinity.choose(prompt, now)
            names = [n for n in affinity._replicas if affinity[n].open]
            assert (choice is None) == (not names)
            if choice is not None:
                assert choice.name in names
                assert choice.held + choice.fresh == prompt.tokens
                assert choice.held <= choice.best
                going.append(affinity.sent(choice, prompt, now))
        elif step in ("begin", "end", "fail") and going:
            sent = going[number % len(going)]
            if step == "begin":
                affinity.begun(sent)
            else:
                going.remove(sent)
                affinity.ended(sent) if step == "end" else affinity.failed(sent)
        elif step == "add" and name not in affinity._replicas:
            affinity.add(name, 1000)
        elif step == "remove" and name in affinity._replicas:
            affinity.remove(name)
        elif step == "toggle" and name in affinity._replicas:
            affinity[name].open = not affinity[name].open
    for sent in going:
        affinity.ended(sent)
    assert set(affinity.loads.waiting.values()) <= {0}
    assert set(affinity.loads.running.values()) <= {0}
    assert all(not affinity[name].pending for name in affinity._replicas)
