from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from headstart.prefix import LRU
from headstart.prefix.curve import hit_curve
from headstart.prefix.simulate import replay
from headstart.prefix.workload import Workload
from tests.prefix.workloads import REAL, of_paths, real, workloads

TTLS = (0.0, 0.5, 1.0, 7.0, 50.0, float("inf"))


def directly(workload: Workload, capacity: int, ttl: float) -> int:
    """LRU with a lifetime, block by block: the most recently used first in a list."""
    stack: list[tuple[int, float]] = []
    hits = 0
    for call in workload.calls:
        stack = [(block, used) for block, used in stack if call.time - used <= ttl]
        held = {block for block, _ in stack}
        hits += sum(block in held for block in call.blocks)
        rest = [entry for entry in stack if entry[0] not in set(call.blocks)]
        stack = ([(block, call.time) for block in call.blocks] + rest)[:capacity]
    return hits


@settings(deadline=None, max_examples=40)
@given(workloads())
def test_every_capacity_and_lifetime_is_what_a_cache_would_hit(workload: Workload) -> None:
    curve = hit_curve(workload)
    capacities = range(workload.footprint + 1)
    for ttl in TTLS:
        every = curve.by_capacity(ttl)
        assert every.tolist() == [directly(workload, c, ttl) for c in capacities]
        assert every.tolist() == [curve.hits(c, ttl) for c in capacities]


@settings(deadline=None)
@given(workloads())
def test_it_steps_up_at_the_lifetimes_it_names_and_nowhere_else(workload: Workload) -> None:
    curve = hit_curve(workload)
    for capacity in (1, 3, max(1, workload.footprint)):
        ttls, hits = curve.by_ttl(capacity)
        for ttl, expected in zip(ttls, hits, strict=True):
            assert directly(workload, capacity, ttl) == expected
        for ttl in TTLS:
            steps = int(np.searchsorted(ttls, ttl, side="right"))
            assert (hits[steps - 1] if steps else 0) == directly(workload, capacity, ttl)


@settings(deadline=None)
@given(workloads())
def test_the_tree_under_lru_hits_what_the_curve_says(workload: Workload) -> None:
    curve = hit_curve(workload)
    for capacity in (1, 2, 5, 11):
        assert sum(step.hit for step in replay(workload, LRU, capacity)) == curve.hits(capacity)


@pytest.mark.parametrize("name", REAL)
def test_and_does_on_real_traffic(name: str) -> None:
    workload = real(name, calls=1500)
    every = hit_curve(workload).by_capacity()
    for share in (0.003, 0.03, 0.3):
        capacity = max(1, int(workload.footprint * share))
        assert sum(step.hit for step in replay(workload, LRU, capacity)) == every[capacity]


def test_nothing_gives_nothing() -> None:
    curve = hit_curve(of_paths([[], []]))
    assert curve.by_capacity().tolist() == [0]
    assert curve.hits(10) == 0
    assert curve.by_ttl(10)[0].tolist() == []
