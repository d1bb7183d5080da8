"""What events say replicas hold, against a list of blocks for each of them."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from headstart.planner.affinity import BlockIndex, Level, block_keys, extras_of

SIZE = 2
SLOTS = st.integers(0, 2)
WORDS = st.lists(st.integers(0, 1), max_size=5)
MEDIA = st.sampled_from([None, "CPU"])


def engine_hash(slot: int, word: list[int]) -> bytes:
    """What this process of the engine calls a block: nobody else's name for it."""
    return bytes((200 + slot, *word)).rjust(32, b"\1")


def tokens(word: list[int]) -> list[int]:
    return [token for letter in word for token in (letter, 70_000 + letter)]


class Machine(RuleBasedStateMachine):
    """Blocks come, go, and come again in another medium."""

    @initialize()
    def begin(self) -> None:
        self.real = BlockIndex()
        self.twin: dict[int, set[tuple[str, tuple[int, ...]]]] = {}

    @rule(slot=SLOTS)
    def add_or_remove(self, slot: int) -> None:
        if slot in self.twin:
            self.real.remove(slot)
            del self.twin[slot]
        else:
            self.real.add(slot)
            self.twin[slot] = set()

    @rule(slot=SLOTS)
    def clear(self, slot: int) -> None:
        if slot in self.twin:
            self.real.clear(slot)
            self.twin[slot].clear()

    @rule(slot=SLOTS, word=WORDS, start=st.integers(0, 4), medium=MEDIA)
    def stored(self, slot: int, word: list[int], start: int, medium: str | None) -> None:
        if slot not in self.twin or start > len(word):
            return
        names = [engine_hash(slot, word[:n]) for n in range(start + 1, len(word) + 1)]
        parent = engine_hash(slot, word[:start]) if start else None
        self.real.stored(slot, names, parent, tokens(word[start:]), SIZE, medium)
        held = {prefix for _, prefix in self.twin[slot]}
        if not start or tuple(word[:start]) in held:
            for n in range(start + 1, len(word) + 1):
                self.twin[slot].add((medium or "GPU", tuple(word[:n])))

    @rule(slot=SLOTS, word=WORDS, medium=MEDIA)
    def removed(self, slot: int, word: list[int], medium: str | None) -> None:
        if slot in self.twin:
            self.real.removed(slot, [engine_hash(slot, word)], medium)
            self.twin[slot].discard((medium or "GPU", tuple(word)))

    @rule(word=WORDS)
    def match(self, word: list[int]) -> None:
        reach: dict[int, int] = {}
        for slot, blocks in self.twin.items():
            held = {prefix for _, prefix in blocks}
            count = 0
            while count < len(word) and tuple(word[: count + 1]) in held:
                count += 1
            reach[count] = reach.get(count, 0) | 1 << slot
        most = max(reach, default=0)
        expected = [
            Level(count * SIZE, reach[count], (most - count) * SIZE)
            for count in sorted(reach, reverse=True)
        ]
        assert self.real.match(block_keys(tokens(word), SIZE), SIZE) == expected

    @invariant()
    def counted(self) -> None:
        distinct = {prefix for blocks in self.twin.values() for _, prefix in blocks}
        assert len(self.real) == len(distinct)
        for slot, blocks in self.twin.items():
            assert self.real.held(slot) == sum(medium == "GPU" for medium, _ in blocks)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_salts_and_adapters_are_other_blocks() -> None:
    index = BlockIndex()
    index.add(0)
    ids = list(range(8))
    index.stored(0, [1, 2], None, ids[:4], 2, extra=[["salt"], None])
    index.stored(0, [3, 4], 2, ids[4:], 2, extra=[None, None])
    salted = block_keys(ids, 2, extras_of(4, salt="salt"))
    assert index.match(salted, 2) == [Level(8, 1, 0.0)]
    for other in (None, extras_of(4, salt="other"), extras_of(4, adapter="adapter")):
        assert index.match(block_keys(ids, 2, other), 2) == [Level(0, 1, 0.0)]


def test_what_does_not_go_together_is_refused_and_what_follows_nothing_is_left_out() -> None:
    index = BlockIndex()
    index.add(0)
    with pytest.raises(ValueError, match="3 tokens for 1 blocks of 2"):
        index.stored(0, [1], None, [1, 2, 3], 2)
    with pytest.raises(ValueError, match="token ids"):
        index.stored(0, [1], None, [-1, 2], 2)
    index.stored(0, [2], 1, [1, 2], 2)
    assert (index.held(0), index.orphans(0)) == (0, 1)
    with pytest.raises(ValueError, match="taken"):
        index.add(0)
