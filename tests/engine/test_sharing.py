"""Requests that arrive together with the same uncached prefix compute it once."""

from __future__ import annotations

from tests.engine.conftest import RigMaker
from tests.engine.rig import Rig, some_tokens

CHUNK = 16
SHARED = some_tokens(1, 100)


def fresh(rig: Rig) -> int:
    """Prompt tokens that ran through the model."""
    return sum(len(call.tokens) for call in rig.spy.prefills)


def prompts(count: int = 4) -> list[list[int]]:
    return [SHARED + some_tokens(10 + n, 20 + 2 * n) for n in range(count)]


def test_a_common_prefix_runs_once(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    tasks = [rig.add(prompt) for prompt in prompts()]
    rig.run()
    assert fresh(rig) == 100 + sum(20 + 2 * n for n in range(4))
    assert [task.finished.read for task in tasks] == [0, 100, 100, 100]


def test_the_shortest_to_come_changes_nothing(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    tasks = [rig.add(prompt) for prompt in reversed(prompts())]
    rig.run()
    assert fresh(rig) == 100 + sum(20 + 2 * n for n in range(4))
    assert [task.finished.read for task in tasks] == [0, 100, 100, 100]


def test_the_same_prompt_twice_leaves_the_second_one_token(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    first, second = rig.add(SHARED, max_tokens=6), rig.add(SHARED, max_tokens=6)
    rig.run()
    assert fresh(rig) == 100
    assert (first.finished.read, second.finished.read) == (0, 99)
    assert first.output == second.output


def test_one_that_comes_later_takes_up_what_is_done(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    first = rig.add([*SHARED, 7])
    rig.until(lambda: first.request.done >= 3 * CHUNK)
    second = rig.add([*SHARED, 8, 9])
    rig.run()
    assert fresh(rig) == 101 + 2
    assert (first.finished.read, second.finished.read) == (0, 100)


def test_what_it_computes_is_right(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    tasks = [rig.add(prompt, max_tokens=10) for prompt in prompts()]
    rig.run()
    for n, (prompt, task) in enumerate(zip(prompts(), tasks, strict=True)):
        assert rig.answer(prompt, tenant=f"alone-{n}", max_tokens=10).output == task.output


def test_if_the_first_leaves_the_rest_go_on_from_what_is_done(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    first, *rest = [rig.add(prompt) for prompt in prompts()]
    rig.until(lambda: first.request.done == CHUNK)
    first.request.cancelled = True
    rig.run()
    assert first.events == []
    assert fresh(rig) == 100 + sum(20 + 2 * n for n in range(1, 4))
    # The second pays for what is left of the prefix, the others read all of it.
    assert [task.finished.read for task in rest] == [CHUNK, 100, 100]
    rig.assert_nothing_left()


def test_scopes_share_nothing(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK)
    tasks = [rig.add(SHARED, tenant=f"tenant-{n}") for n in range(3)]
    rig.run()
    assert fresh(rig) == 300
    assert [task.finished.read for task in tasks] == [0, 0, 0]


def test_many_together_in_one_lane_after_the_other(make_rig: RigMaker) -> None:
    rig = make_rig(chunk=CHUNK, max_running=2)
    tasks = [rig.add(prompt) for prompt in prompts(8)]
    rig.run()
    assert fresh(rig) == 100 + sum(20 + 2 * n for n in range(8))
    assert sum(task.finished.read for task in tasks) == 700
