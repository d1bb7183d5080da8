"""The bound on imbalance, against every way to place a few sessions."""

from __future__ import annotations

from array import array
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.routing_parts.bounds import least_imbalance
from benchmarks.routing_parts.fleet import WINDOWS
from benchmarks.routing_parts.load import Ask, Load, Pace, Session

PACE = Pace(tokens_a_second=100.0, request=0.0)
SPAN = 40.0


def load(work: list[list[int]]) -> Load:
    """Sessions that have so many seconds to do in each window but the first, each call a
    prompt of its own."""
    sessions, window = [], SPAN / WINDOWS
    for number, seconds in enumerate(work):
        asks = [
            Ask(window, array("i", [3 * number + turn]), 100 * each)
            for turn, each in enumerate(seconds)
        ]
        sessions.append(Session(window, asks))
    return Load("made up", 1, sessions, SPAN, 0.0, 3 * len(work))


@given(
    st.lists(st.lists(st.integers(1, 9), min_size=3, max_size=3), min_size=1, max_size=5),
    st.integers(1, 3),
)
def test_no_placement_is_better(work: list[list[int]], replicas: int) -> None:
    best = []
    for seconds in zip(*work, strict=True):
        placed = [
            [
                sum(s for s, at in zip(seconds, where, strict=True) if at == r)
                for r in range(replicas)
            ]
            for where in product(range(replicas), repeat=len(seconds))
        ]
        best.append(min(max(each) for each in placed) * replicas / sum(seconds))
    bound = least_imbalance(load(work), replicas, PACE)
    assert bound <= sum(best) / len(best) + 1e-6
    if len(work) <= replicas:
        assert bound == pytest.approx(sum(best) / len(best))
