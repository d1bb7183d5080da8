from __future__ import annotations

import torch

from headstart.engine.contract import Sampling
from headstart.engine.lanes import Lane
from headstart.engine.request import Running
from headstart.engine.sampler import Sampler
from headstart.engine.scheduler import Scheduler
from headstart.kv import KVLayout
from tests.engine.rig import generation, some_tokens

LANE = Lane(KVLayout(1, 1, 1, "float32", (None,)), 1, torch.device("cpu"))


def request(tokens: list[int], done: int = 0, tenant: str = "t") -> Running:
    made = Running.of(
        generation(tokens, tenant),
        lambda _: None,
        None,  # type: ignore[arg-type]  # No text comes of it here.
        4,
        Sampler(Sampling()),
    )
    made.done, made.lane = done, LANE
    return made


def scheduler(*running: Running, unit: int = 1, chunk: int = 16) -> Scheduler:
    made = Scheduler(chunk, unit, max_running=8)
    made.running.extend(running)
    return made


def two_turns(made: Scheduler) -> list[Running | None]:
    """Every second turn belongs to the one that came first."""
    return [made.next_prefill(), made.next_prefill()]


def test_the_first_and_the_shortest_take_turns() -> None:
    long, middle, short = (request(some_tokens(n, size)) for n, size in enumerate((90, 50, 9)))
    assert two_turns(scheduler(long, middle, short)) == [long, short]


def test_what_is_left_counts_not_what_there_was() -> None:
    first = request(some_tokens(1, 500))
    long, short = request(some_tokens(2, 400), done=395), request(some_tokens(3, 20))
    assert two_turns(scheduler(first, long, short))[1] is long


def test_a_follower_lets_its_leader_run() -> None:
    oldest = request(some_tokens(1, 500))
    leader = request([*some_tokens(2, 80), 1])
    follower = request([*some_tokens(2, 20), 2])
    assert two_turns(scheduler(oldest, leader, follower))[1] is leader


def test_nobody_follows_across_tenants() -> None:
    oldest = request(some_tokens(1, 500))
    other = request(some_tokens(2, 80), tenant="other")
    mine = request(some_tokens(2, 20))
    assert two_turns(scheduler(oldest, other, mine))[1] is mine


def test_nobody_follows_one_that_is_ahead_or_behind() -> None:
    oldest = request(some_tokens(1, 500))
    ahead = request(some_tokens(2, 80), done=16)
    mine = request(some_tokens(2, 20))
    assert two_turns(scheduler(oldest, ahead, mine))[1] is mine


def test_the_last_token_is_ones_own() -> None:
    """It can't be read, so there is nothing to wait for."""
    oldest = request(some_tokens(1, 500))
    same = request(some_tokens(2, 20), done=19)
    mine = request(some_tokens(2, 20), done=19)
    same.done = 19
    longer = request(some_tokens(2, 20) + [5] * 60, done=19)
    assert two_turns(scheduler(oldest, longer, mine))[1] is mine


def test_in_whole_chunks_a_shorter_common_prefix_is_not_worth_waiting_for() -> None:
    oldest = request(some_tokens(1, 500))
    leader = request([*some_tokens(2, 15), *some_tokens(3, 60)])
    mine = request([*some_tokens(2, 15), *some_tokens(4, 20)])
    assert two_turns(scheduler(oldest, leader, mine, unit=16))[1] is mine


def test_chunks_end_at_absolute_multiples() -> None:
    made = scheduler(chunk=16)
    ends = [made.chunk_end(request([1] * 40, done=done)) for done in (0, 15, 16, 21, 32, 39)]
    assert ends == [16, 16, 32, 32, 40, 40]


def test_the_latest_other_is_preempted_and_waits_in_front() -> None:
    one, two, three = (request(some_tokens(n, 9)) for n in range(3))
    made = scheduler(one, two, three)
    made.waiting.append(request(some_tokens(4, 9)))
    assert made.preempt(keep=three) is two
    assert made.preempt(keep=three) is one
    assert made.preempt(keep=three) is None
    assert list(made.waiting)[:2] == [one, two]


def test_a_request_is_forgotten_wherever_it_is() -> None:
    one, two = request([1]), request([2])
    made = scheduler(one)
    made.waiting.append(two)
    for gone in (two, one, one):
        made.remove(gone)
    assert list(made.all()) == []
