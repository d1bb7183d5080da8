from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.prefix.workload import Numbering
from tests.prefix.workloads import of_paths, prompts


@settings(deadline=None)
@given(prompts)
def test_equal_numbers_are_equal_prefixes(paths: list[list[int]]) -> None:
    workload = of_paths(paths)
    prefixes: dict[int, tuple[int, ...]] = {}
    for path, call in zip(paths, workload.calls, strict=True):
        for depth, number in enumerate(call.blocks, 1):
            assert prefixes.setdefault(number, tuple(path[:depth])) == tuple(path[:depth])
    assert len(set(prefixes.values())) == len(prefixes) == workload.footprint
    assert set(prefixes) == set(range(workload.footprint))


def test_roots_keep_sessions_apart() -> None:
    numbering = Numbering()
    first, second = (numbering.path([1, 2], numbering.root(name)) for name in "ab")
    assert set(first).isdisjoint(second)
    assert numbering.path([1, 2], numbering.root("a")) == first


@settings(deadline=None)
@given(st.lists(st.integers(0, 1)), st.lists(st.integers(0, 1)))
def test_a_known_start_changes_nothing(start: list[int], rest: list[int]) -> None:
    numbering = Numbering()
    root = numbering.root(None)
    last = numbering.path(start, root)
    grown = numbering.path(start + rest, root, known=len(start), last=last)
    assert grown == numbering.path(start + rest, root)


def test_rates_are_shares_of_all_tokens() -> None:
    workload = of_paths([[1, 2], [1, 2, 3]])
    assert workload.touches == workload.tokens == 5
    assert workload.rate(2) == pytest.approx(0.4)
    assert of_paths([[]]).rate(0) == 0.0


def test_the_first_calls_are_numbered_anew() -> None:
    workload = of_paths([[1], [2], [3], [2, 4]]).first(2)
    assert [list(call.blocks) for call in workload.calls] == [[0], [1]]
    assert workload.footprint == 2
