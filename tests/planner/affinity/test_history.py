"""What replicas hold, against a table of symbols for each of them."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from headstart.planner.affinity import HistoryTree, Level, Touched
from tests.planner.affinity.naive_history import NaiveHistory

SLOTS = st.integers(0, 3)
WORDS = st.text("ab", min_size=0, max_size=9)


def packed(word: str) -> bytes:
    """Symbols of 2 bytes: a letter and its place, so that no two places look alike."""
    return b"".join(bytes((ord(letter), at)) for at, letter in enumerate(word))


def ends(word: str) -> list[int]:
    """An a is of 3 tokens, a b of 5."""
    found, total = [], 0
    for letter in word:
        total += 3 if letter == "a" else 5
        found.append(total)
    return found


class Machine(RuleBasedStateMachine):
    """Any order of uses, clears, removals and corrections."""

    @initialize()
    def begin(self) -> None:
        self.real, self.twin = HistoryTree(width=2), NaiveHistory(width=2)
        self.touched: list[tuple[int, Touched]] = []

    @rule(slot=SLOTS, capacity=st.integers(0, 60))
    def add(self, slot: int, capacity: int) -> None:
        for index in (self.real, self.twin):
            if slot in self.twin.tables and index is self.real:
                index.resize(slot, capacity)
                self.twin.resize(slot, capacity)
                return
            index.add(slot, capacity)

    @rule(slot=SLOTS)
    def remove(self, slot: int) -> None:
        if slot in self.twin.tables:
            self.real.remove(slot)
            self.twin.remove(slot)
            self.touched = [pair for pair in self.touched if pair[0] != slot]

    @rule(slot=SLOTS)
    def clear(self, slot: int) -> None:
        if slot in self.twin.tables:
            self.real.clear(slot)
            self.twin.clear(slot)

    @rule(slot=SLOTS, word=WORDS)
    def touch(self, slot: int, word: str) -> None:
        if slot in self.twin.tables:
            touched = self.real.touch(slot, packed(word), ends(word))
            assert touched == self.twin.touch(slot, packed(word), ends(word))
            self.touched.append((slot, touched))

    @rule(data=st.data())
    def retract(self, data: st.DataObject) -> None:
        if self.touched:
            slot, touched = data.draw(st.sampled_from(self.touched))
            self.real.retract(slot, touched)
            self.twin.retract(slot, touched)

    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        ticks = [(slot, tick) for slot, t in self.touched for _, tick in t.stages]
        if ticks:
            slot, tick = data.draw(st.sampled_from(ticks))
            assert self.real.expire(slot, tick) == self.twin.expire(slot, tick)

    @rule(word=WORDS)
    def match(self, word: str) -> None:
        found, expected = self.real.match(packed(word)), self.twin.match(packed(word))
        assert [level[:2] for level in found] == [level[:2] for level in expected]
        assert [level.apart for level in found] == pytest.approx([le.apart for le in expected])

    @invariant()
    def bounded(self) -> None:
        for slot, table in self.twin.tables.items():
            assert self.real.held(slot) == table.held() <= table.capacity

    def teardown(self) -> None:
        for slot in list(self.twin.tables):
            self.real.remove(slot)
        assert self.real.nodes == 0, "nodes that nobody holds"


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_one_walk_answers_for_all() -> None:
    tree = HistoryTree(width=2)
    for slot in range(200):
        tree.add(slot, 10**6)
    for slot in range(200):
        word = "a" * (1 + slot % 3)
        tree.touch(slot, packed(word), ends(word))
    levels = tree.match(packed("aaaa"))
    assert [level.tokens for level in levels] == [9, 6, 3]
    assert sum(level.replicas.bit_count() for level in levels) == 200
    assert tree.nodes == 3


def test_a_hot_prompt_does_not_grow_the_queue() -> None:
    tree = HistoryTree(width=2)
    tree.add(0, 10**6)
    for _ in range(1000):
        tree.touch(0, packed("abab"), ends("abab"))
    assert len(tree._replicas[0].queue) < 100
    assert tree.match(packed("abab")) == [Level(16, 1)]
