from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.prefix import history as module
from headstart.prefix import pack
from headstart.prefix.curve import hit_curve
from headstart.prefix.hazard import Hazards
from headstart.prefix.history import History
from headstart.prefix.workload import Workload
from tests.prefix.workloads import workloads


def ask(history: History, blocks: list[int], now: float, capacity: int | None = None) -> int:
    return history.asked(pack(blocks), 4, now, capacity)


@settings(deadline=None)
@given(workloads(), st.integers(1, 20))
def test_it_knows_exactly_what_lru_would_have_hit(workload: Workload, capacity: int) -> None:
    history = History(Hazards())
    hits = sum(ask(history, c.blocks.tolist(), c.time, capacity) for c in workload.calls)
    assert hits == hit_curve(workload).hits(capacity)


@settings(deadline=None)
@given(workloads())
def test_without_a_limit_all_that_was_asked_before_would_have_been_hit(
    workload: Workload,
) -> None:
    history = History(Hazards())
    hits = sum(ask(history, c.blocks.tolist(), c.time) for c in workload.calls)
    assert hits == workload.touches - workload.footprint


def test_it_forgets_the_oldest_and_stays_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_PAGES", 40)
    monkeypatch.setattr(module, "MOST_NODES", 12)
    history = History(Hazards())
    for number in range(500):
        ask(history, [1, 1000 + number, 2000 + number], float(number), capacity=5)
        assert history.pages <= 40
        assert history.nodes <= 12 or history.pages <= 10
    assert history.find(pack([1, 1499])) is not None
    assert history.find(pack([7])) is None
    kept = history.find(pack([1, 1000]))
    assert kept is not None
    assert kept.key == pack([1])


def test_an_agent_in_its_stride_is_worth_more_than_one_that_has_always_ended_there() -> None:
    history = History(Hazards())
    now = 0.0
    for number in range(200):
        now += 30.0
        loop = [number]
        for turn in range(4):
            now += 2.0
            loop = [*loop, 1_000_000 + 10 * number + turn]
            ask(history, loop, now)
    ended = history.find(pack(loop))
    going = [500, 501]
    for turn in range(3):
        ask(history, going, now + 2.0 * turn)
        going = [*going, 600 + turn]
    middle = history.find(pack(going))
    assert ended is not None
    assert middle is not None
    assert history.value(middle)[0] > 5 * history.value(ended)[0]


def test_clocks_that_go_back_are_held() -> None:
    history = History(Hazards())
    ask(history, [1, 2], 100.0)
    ask(history, [1, 2, 3], 50.0)
    assert history.now == 100.0


def test_a_limit_that_becomes_known_late_counts_from_the_next_request_on() -> None:
    history = History(Hazards())
    for number in range(10):
        ask(history, [number, 100 + number], float(number))
    assert ask(history, [7, 107], 20.0, capacity=4) == 0
    assert ask(history, [9, 109], 21.0, capacity=4) == 2
