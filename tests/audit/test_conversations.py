from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.audit.conversations import Conversations
from headstart.prompt.cuts import digest


def chain(segments: Sequence[str]) -> list[bytes]:
    found, last = [], b""
    for segment in segments:
        last = digest(last, segment.encode())
        found.append(last)
    return found


def outputs(segments: Sequence[str]) -> list[bytes]:
    return [digest(b"", text.encode()) for text in segments if text.startswith("a")]


class Naive:
    """All requests in a list, compared one by one."""

    def __init__(self) -> None:
        self.seen: list[tuple[list[str], list[str], int]] = []
        self.count = 0

    def of(self, segments: list[str], base: int) -> int:
        own = segments[base:]
        said = [text for text in segments if text.startswith("a")]
        owner = self._continued(segments[:base], own, len(said))
        if owner is None:
            owner = self._answered(said)
        if owner is None:
            owner = self.count
            self.count += 1
        self.seen.append((segments, own, owner))
        return owner

    def _continued(self, head: list[str], own: list[str], turns: int) -> int | None:
        best, found = 0, -1
        for earlier, theirs, owner in self.seen:
            if earlier[: len(earlier) - len(theirs)] != head:
                continue
            shared = 0
            while shared < min(len(own), len(theirs)) and own[shared] == theirs[shared]:
                shared += 1
            if shared and shared >= best:
                best, found = shared, owner
        if found < 0:
            return None
        length, before = self._latest(found)
        if best == length:
            return found
        return found if turns > before and 2 * best >= length else None

    def _answered(self, said: list[str]) -> int | None:
        for count in range(len(said), 0, -1):
            for earlier, _, owner in reversed(self.seen):
                theirs = [text for text in earlier if text.startswith("a")]
                if theirs[:count] == said[:count]:
                    return owner if len(said) > self._latest(owner)[1] else None
        return None

    def _latest(self, owner: int) -> tuple[int, int]:
        segments, own, _ = next(seen for seen in reversed(self.seen) if seen[2] == owner)
        return len(own), sum(text.startswith("a") for text in segments)


requests = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["u1", "u2", "a1", "a2", "u3"]), max_size=6),
        st.sampled_from(["s1", "s2"]),
    ),
    max_size=30,
)


@given(requests)
def test_it_agrees_with_comparing_all_requests(given: list[tuple[list[str], str]]) -> None:
    conversations, naive = Conversations(), Naive()
    for rest, system in given:
        segments = [system, *rest]
        expected = naive.of(segments, 1)
        assert conversations.of(chain(segments), 1, outputs(segments)) == expected


def grown(seed: int, shots: int, volatile: bool) -> None:
    """Many at once, all behind one system text and the same examples."""
    rng = random.Random(seed)
    common = [text for n in range(shots) for text in (f"u-shot{n}", f"a-shot{n}")]
    turns = [0] * 12
    numbers: dict[int, set[int]] = {}
    conversations = Conversations()
    for clock in range(150):
        who = rng.randrange(len(turns))
        turns[who] += 1
        system = f"s at {clock}" if volatile else "s"
        said = [f"u-{who}-0"]
        for turn in range(1, turns[who]):
            said += [f"a-{who}-{turn}", f"u-{who}-{turn}"]
        segments = [system, *common, *said]
        # A changing system text changes every chained digest: beyond it they are chained anew.
        keys = chain(segments[1:]) if volatile else chain(segments)
        number = conversations.of(keys, 0 if volatile else 1, outputs(segments))
        numbers.setdefault(who, set()).add(number)
    assert all(len(found) == 1 for found in numbers.values())
    assert len(set.union(*numbers.values())) == len(numbers)


@pytest.mark.parametrize("shots", [0, 1, 5])
@pytest.mark.parametrize("seed", range(5))
def test_interleaved_conversations_come_apart(seed: int, shots: int) -> None:
    grown(seed, shots, volatile=False)


@pytest.mark.parametrize("seed", range(3))
def test_a_changing_system_text_is_left_out_by_whoever_chains_without_it(seed: int) -> None:
    grown(seed, 2, volatile=True)


def test_one_shots_behind_the_same_examples_are_conversations_of_their_own() -> None:
    conversations = Conversations()
    found = []
    for n in range(20):
        segments = ["s", "u-shot", "a-shot", f"u-{n}"]
        found.append(conversations.of(chain(segments), 1, outputs(segments)))
    assert found == list(range(20))


def test_a_first_message_that_changes_is_made_up_for_by_the_answers() -> None:
    conversations = Conversations()
    found = []
    for turn in range(1, 6):
        segments = ["s", f"u at {turn}"]
        for n in range(1, turn):
            segments += [f"a{n}", f"u{n}"]
        found.append(conversations.of(chain(segments), 1, outputs(segments)))
    assert found[1:] == [1, 1, 1, 1]


def test_a_repeated_request_is_the_same_conversation() -> None:
    conversations = Conversations()
    keys = chain(["s", "u1"])
    assert conversations.of(keys, 1) == conversations.of(keys, 1) == 0


@given(st.integers(1, 40), st.integers(0, 2**20))
def test_memory_is_bounded_and_what_is_recent_is_found(most: int, seed: int) -> None:
    rng = random.Random(seed)
    conversations = Conversations(most)
    for _ in range(60):
        name = rng.randrange(8)
        segments = [f"u{name}", *(f"x{name}-{n}" for n in range(rng.randrange(5)))]
        first = conversations.of(chain(segments))
        assert len(conversations) <= most
        if len(segments) <= most:
            assert conversations.of(chain(segments)) == first


def test_nothing_can_be_remembered_in_no_memory() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Conversations(0)
