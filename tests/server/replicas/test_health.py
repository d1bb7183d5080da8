"""When a replica counts as down, and how it comes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.server.replicas.health import FAILURES, LONGEST_PAUSE, Health, State


def test_one_that_is_not_reached_is_down_at_once_and_cold() -> None:
    health = Health()
    health.unreached(10.0)
    assert (health.state, health.cold, health.due) == (State.DOWN, True, 11.0)
    health.unreached(10.5)
    assert health.due == 11.0, "requests that were on their way change nothing"


def test_bad_answers_count_in_a_row() -> None:
    health = Health()
    for _ in range(FAILURES - 1):
        health.failed(0.0)
    health.answered()
    for _ in range(FAILURES - 1):
        health.failed(0.0)
    assert health.state is State.UP
    health.probed(True, True, 0.0, 5.0)
    health.failed(0.0)
    assert health.state is State.DOWN, "a probe that is answered says nothing of requests"
    assert not health.cold


def test_one_request_decides_whether_it_is_back() -> None:
    health = Health()
    health.unreached(0.0)
    health.probed(True, True, 1.0, 5.0)
    assert health.state is State.TRYING
    health.failed(1.5)
    assert (health.state, health.due) == (State.DOWN, 3.5), "twice the pause"
    health.probed(True, True, 3.5, 5.0)
    health.answered()
    assert health.state is State.UP
    health.unreached(9.0)
    assert health.due == 10.0, "the pause is short again"


def test_pauses_grow_to_a_limit() -> None:
    health, now = Health(), 0.0
    health.unreached(now)
    pauses = []
    for _ in range(8):
        now = health.due
        health.probed(False, False, now, 5.0)
        pauses.append(health.due - now)
    assert pauses == [2.0, 4.0, 8.0, 16.0] + [LONGEST_PAUSE] * 4


def test_probes_alone_bring_it_down() -> None:
    health = Health()
    for _ in range(FAILURES - 1):
        health.probed(False, True, 0.0, 5.0)
    assert (health.state, health.due) == (State.UP, 5.0)
    health.probed(False, True, 5.0, 5.0)
    assert health.state is State.DOWN


@given(st.lists(st.sampled_from(["good", "ill", "gone", "answered", "failed", "unreached"])))
def test_there_is_always_a_next_probe(steps: list[str]) -> None:
    health = Health()
    for now, step in enumerate(steps):
        if step in ("good", "ill", "gone"):
            health.probed(step == "good", step != "gone", now, 5.0)
            assert now < health.due <= now + LONGEST_PAUSE
        elif step == "answered":
            health.answered()
            assert health.state is State.UP
        else:
            health.failed(now) if step == "failed" else health.unreached(now)
        assert health.due <= now + LONGEST_PAUSE
