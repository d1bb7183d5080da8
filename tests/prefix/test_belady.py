from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.prefix.belady import belady, foresee
from headstart.prefix.simulate import replay
from headstart.prefix.workload import Workload
from tests.prefix.workloads import POLICIES, REAL, of_paths, real, workloads


def best(workload: Workload, capacity: int) -> int:
    """The most hits of all choices of what to keep after each call, by trying them all."""
    calls = [tuple(call.blocks) for call in workload.calls]
    parents = {b: a for call in calls for a, b in pairwise(call)}

    @cache
    def hits(number: int, held: frozenset[int]) -> int:
        if number == len(calls):
            return 0
        here = sum(block in held for block in calls[number])
        after = kept(held | frozenset(calls[number]))
        return here + max(hits(number + 1, choice) for choice in after)

    @cache
    def kept(held: frozenset[int]) -> frozenset[frozenset[int]]:
        if len(held) <= capacity:
            return frozenset([held])
        leaves = held - {parents[block] for block in held if block in parents}
        return frozenset().union(*(kept(held - {leaf}) for leaf in leaves))

    return hits(0, frozenset())


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 1), max_size=3), min_size=1, max_size=6), st.integers(1, 5))
def test_the_bound_is_the_best_there_is(paths: list[list[int]], capacity: int) -> None:
    workload = of_paths(paths)
    assert belady(foresee(workload), capacity) == best(workload, capacity)


@pytest.mark.parametrize("policy", POLICIES)
@settings(deadline=None)
@given(workload=workloads(), capacity=st.integers(1, 30))
def test_no_policy_beats_the_bound_or_outgrows_its_limit(
    policy: str, workload: Workload, capacity: int
) -> None:
    hits = 0
    for step in replay(workload, POLICIES[policy], capacity):
        assert step.held <= capacity
        hits += step.hit
    assert hits <= belady(foresee(workload), capacity)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", REAL)
def test_nor_on_real_traffic(name: str, policy: str) -> None:
    workload = real(name, calls=1500)
    future = foresee(workload)
    for share in (0.01, 0.1):
        capacity = max(1, int(workload.footprint * share))
        hits = 0
        for step in replay(workload, POLICIES[policy], capacity):
            assert step.held <= capacity
            hits += step.hit
        assert hits <= belady(future, capacity)


@settings(deadline=None)
@given(workloads())
def test_with_room_for_all_every_repeated_block_is_a_hit(workload: Workload) -> None:
    bound = belady(foresee(workload), max(1, workload.footprint))
    assert bound == workload.touches - workload.footprint
