"""Episodes and hazards beside a twin that looks at all of them each time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.planner.episodes import Episodes
from headstart.planner.gaps import BINS, EDGES, Class, Classes, bin_of, within


class Twin:
    """(prefix, start, end or None) of every episode, counted from scratch."""

    def __init__(self) -> None:
        self.all: list[tuple[bytes, float, float | None]] = []

    def use(self, prefix: bytes, now: float) -> None:
        self.all = [
            (p, start, now if p == prefix and end is None and now - start < EDGES[-1] else end)
            for p, start, end in self.all
        ]

    def counts(self, now: float) -> tuple[list[float], list[float]]:
        used, risk = [0.0] * BINS, [0.0] * BINS
        for _, start, end in self.all:
            last = min(bin_of((now if end is None else end) - start), BINS)
            for number in range(min(last, BINS)):
                risk[number] += 1
            if last < BINS:
                risk[last] += 1 if end is not None else 0.5
                used[last] += end is not None
        return used, risk


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"a", b"b", b"c", b"d"]),
            st.sampled_from([0.0, 3.0, 25.0, 200.0, 1000.0, 5000.0, 60_000.0]),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_counts_are_those_of_the_twin(steps: list[tuple[bytes, float, bool]]) -> None:
    kind, episodes, twin, now = Class(None), Episodes(), Twin(), 0.0
    for prefix, pause, again in steps:
        now += pause
        episodes.advance(now)
        episodes.use(prefix, now)
        twin.use(prefix, now)
        if again:
            episodes.begin(prefix, kind, now)
            twin.all.append((prefix, now, None))
    episodes.advance(now)
    used, risk = twin.counts(now)
    assert kind._used == used
    assert kind._risk == pytest.approx(risk)


def test_bins_cover_all_ages() -> None:
    assert [bin_of(edge) for edge in EDGES] == list(range(BINS + 1))
    assert bin_of(-5.0) == 0
    assert 300.0 in EDGES
    assert 3600.0 in EDGES


def test_a_rare_class_does_what_its_parent_does() -> None:
    classes = Classes()
    for _ in range(500):
        kind = classes.at(("end", "tool"))
        kind.entered(0)
        kind.used(0)
    common, rare = classes.at(("end", "tool")), classes.at(("end", "tool", "rare"))
    assert within(common.hazards(), 0, 300) > 0.99
    assert within(rare.hazards(), 0, 300) > 0.99


def test_a_class_is_forgotten_when_there_are_too_many() -> None:
    classes = Classes(limit=3)
    for number in range(10):
        classes.at((number,))
    assert len(classes) == 3


def test_what_is_long_past_is_forgotten() -> None:
    kind = Class(None)
    for _ in range(20_000):
        kind.entered(0)
        kind.passed(0)
    for _ in range(6_000):
        kind.entered(0)
        kind.used(0)
    assert kind.hazards()[0] > 0.7


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from([(), ("a",), ("a", "b"), ("c",)]),
        st.sampled_from(["entered", "passed", "used", "read"]),
        st.integers(0, BINS - 1),
    ),
    max_size=60,
)


@given(_EVENTS)
def test_hazards_are_those_that_are_worked_out_anew(
    events: list[tuple[tuple[str, ...], str, int]],
) -> None:
    classes = Classes()
    for path, what, number in events:
        kind = classes.at(path)
        if what == "read":
            kind.hazards()
        else:
            getattr(kind, what)(number)
    for path in ((), ("a",), ("a", "b"), ("c",)):
        kind = classes.at(path)
        assert kind.hazards() == [kind._chance(number) for number in range(BINS)]
