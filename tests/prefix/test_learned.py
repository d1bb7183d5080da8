from __future__ import annotations

import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.prefix import LRU, RadixTree, Scope, pack
from headstart.prefix.curve import hit_curve
from headstart.prefix.gittins import Gittins
from headstart.prefix.hazard import Hazards
from headstart.prefix.history import History
from headstart.prefix.learned import Guard, Learned
from headstart.prefix.node import Node
from headstart.prefix.simulate import Cache, replay
from headstart.prefix.workload import Workload
from tests.prefix.workloads import REAL, of_paths, real, workloads

SCOPE = Scope("acme")
SHARES = (0.01, 0.03, 0.1, 0.3)
CALLS = 4000


class Always(Guard):
    """Follows the index from the start."""

    def __init__(self) -> None:
        super().__init__()
        self.trusts = True

    def saw(self, asked: int, lru: int, lead: int, capacity: int) -> None:
        pass


def by_index() -> Learned:
    policy = Learned()
    policy.guard = Always()
    return policy


@pytest.mark.parametrize("policy", [Learned, by_index])
@settings(deadline=None)
@given(workload=workloads(), capacity=st.integers(1, 12))
def test_the_tree_stays_sound(policy: type[Learned], workload: Workload, capacity: int) -> None:
    index = RadixTree(policy=policy)
    cache = Cache(index, capacity)
    for call in workload.calls:
        cache.call(call.blocks.tobytes(), call.time)
        index.check_integrity()


def test_what_is_locked_pinned_or_leased_is_kept_from_it() -> None:
    tree = RadixTree(policy=by_index)
    for number in range(6):
        tree.match(pack([number, 9]), SCOPE, float(number))
        tree.insert(pack([number, 9]), array("i", [2 * number, 2 * number + 1]), SCOPE, 0.0)
    lock = tree.lock(pack([0, 9]), SCOPE)
    tree.pin(pack([1, 9]), SCOPE)
    tree.lease(pack([2, 9]), SCOPE, until=100.0, now=6.0)
    assert sorted(tree.evict(99, 7.0).slots) == [6, 7, 8, 9, 10, 11]
    tree.unlock(lock, 8.0)
    tree.unpin(pack([1, 9]), SCOPE, 8.0)
    assert sorted(tree.evict(99, 101.0).slots) == [0, 1, 2, 3, 4, 5]
    tree.check_integrity()


def test_scopes_learn_apart_and_evict_together() -> None:
    tree = RadixTree(policy=by_index)
    scopes = [Scope("acme"), Scope("bell", shared="acme")]
    for number in range(60):
        key = pack([number % 5, number % 7, number])
        for scope in scopes:
            stored = tree.match(key, scope, float(number)).length
            tree.insert(key, array("i", bytes(4 * (3 - stored))), scope, float(number), stored)
        if (over := tree.size_info().pages - 30) > 0:
            tree.evict(over, float(number))
        tree.check_integrity()
    tree.drop("acme")
    assert tree.size_info().pages == tree.size_info("bell").pages
    tree.check_integrity()


def test_the_front_has_the_least_index() -> None:
    rng = random.Random(4)
    history = History(Hazards())
    orders: list[Gittins] = []

    def order() -> Gittins:
        orders.append(Gittins(history))
        return orders[-1]

    tree = RadixTree(policy=order)
    cache = Cache(tree, 60)
    now = 0.0
    live = [[n] for n in range(12)]
    compared = 0
    for number in range(2000):
        now += rng.expovariate(1.0)
        which = int(rng.paretovariate(1.0)) % 12
        live[which] = [*live[which], number] if rng.random() < 0.8 else [which + 100 * number]
        key = pack(live[which])
        history.asked(key, 4, now, 60)
        cache.call(key, now)
        policy = orders[-1]
        front = policy.front()
        assert front is not None
        if number % 50 == 0:  # a few are still valued by the fit before the last one
            least = min(_worth(history, leaf) for leaf in _leaves(tree))
            compared += _worth(history, front) <= least * 1.0001
    assert compared >= 36


def _leaves(tree: RadixTree) -> list[Node]:
    return [node for node in tree._forest.nodes(None) if node.is_leaf]


def _worth(history: History, leaf: Node) -> float:
    key = b"".join(node.key for node in reversed(leaf.path()))
    return history.value(history.find(key) or leaf)[0]


def chats(rng: random.Random, sessions: int) -> Workload:
    """One-shots among agents that come back after 2 s: what LRU is bad at."""
    events: list[tuple[float, list[int]]] = []
    serial = 1000
    for number in range(sessions):
        start = number * 3.0
        if number % 4:
            events.append((start, list(range(serial, serial + 12))))
            serial += 12
        else:
            path = list(range(serial, serial + 4))
            serial += 4
            for turn in range(12):
                path = [*path, serial]
                serial += 1
                events.append((start + turn * 20.0 + rng.random(), path))
    events.sort(key=lambda event: event[0])
    return of_paths([path for _, path in events], [time for time, _ in events])


def test_it_learns_what_comes_back_and_beats_lru() -> None:
    workload = chats(random.Random(2), 600)
    lru, learned = (
        sum(step.hit for step in replay(workload, policy, 60)) for policy in (LRU, Learned)
    )
    assert learned > 1.3 * lru


def proof(guard: Guard, capacity: int) -> int:
    """Pages by which the other one has to lead until the guard trusts it."""
    led = 0
    while not guard.trusts:
        guard.saw(asked=10, lru=5, lead=2, capacity=capacity)
        led += 2
        assert led < 100_000
    return led


def seasoned(requests: int) -> Guard:
    guard = Guard()
    for _ in range(requests):
        guard.saw(asked=10, lru=5, lead=0, capacity=100)
    assert not guard.trusts
    return guard


def test_the_guard_waits_for_proof_and_leaves_in_time() -> None:
    guard = seasoned(10_000)
    won = proof(guard, capacity=100)
    assert 100 < won < 120
    behind = 0
    while guard.trusts:
        guard.saw(asked=10, lru=5, lead=-1, capacity=100)
        behind += 1
        assert behind < 60
    assert behind > 40


def test_it_gives_back_no_more_than_half_of_what_was_won() -> None:
    guard = seasoned(100)
    proof(guard, capacity=2)
    for _ in range(1000):
        guard.saw(asked=10, lru=5, lead=3, capacity=2)
    behind = 0
    while guard.trusts:
        guard.saw(asked=10, lru=0, lead=-1, capacity=2)
        behind += 1
    assert behind <= 1500


def test_the_larger_the_risk_the_stronger_the_proof() -> None:
    needed = [proof(seasoned(10_000), capacity) for capacity in (10, 200, 500, 1000, 2000)]
    assert needed[0] <= 104
    assert needed[1] <= 104
    risky = [need / capacity for need, capacity in zip(needed[2:], (500, 1000, 2000), strict=True)]
    assert 0.25 < risky[0] < risky[1] < risky[2]


def test_ups_and_downs_of_equals_do_not_win_its_trust() -> None:
    guard = Guard()
    for number in range(10_000):
        guard.saw(asked=10, lru=5, lead=3 if number % 2 else -3, capacity=1000)
        assert not guard.trusts


def test_requests_without_a_page_prove_nothing() -> None:
    guard = Guard()
    guard.saw(asked=0, lru=0, lead=0, capacity=10)
    assert not guard.trusts


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("share", SHARES)
def test_on_real_traffic_it_is_never_far_below_lru(name: str, share: float) -> None:
    workload = real(name, calls=CALLS)
    capacity = max(1, int(workload.footprint * share))
    learned = workload.rate(sum(step.hit for step in replay(workload, Learned, capacity)))
    lru = workload.rate(hit_curve(workload).hits(capacity))
    assert learned >= lru - 0.001


def test_it_says_which_order_it_follows() -> None:
    policy = Learned()
    assert policy.follows == "lru"
    policy.guard.trusts = True
    assert policy.follows == "gittins"
