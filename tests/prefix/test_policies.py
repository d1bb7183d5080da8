from __future__ import annotations

import random
from array import array
from collections.abc import Callable

import pytest

from headstart.prefix import FIFO, LFU, LRU, Policy, RadixTree, Scope, pack

ACME, BELL = Scope("acme"), Scope("bell")


def filled(policy: Callable[[], Policy], leaves: int = 4) -> RadixTree:
    """One page a leaf, tokens and slots 0, 1, 2 ..."""
    tree = RadixTree(policy=policy)
    for number in range(leaves):
        tree.insert(pack([number]), array("i", [number]), ACME, float(number))
    return tree


def use(tree: RadixTree, *numbers: int) -> None:
    for number in numbers:
        tree.match(pack([number]), ACME, 10.0)


@pytest.mark.parametrize(
    ("policy", "order"),
    [(LRU, [2, 0, 3, 1]), (LFU, [2, 3, 0, 1]), (FIFO, [0, 1, 2, 3])],
)
def test_who_goes_first(policy: Callable[[], Policy], order: list[int]) -> None:
    tree = filled(policy)
    use(tree, 1, 0, 0, 3, 1, 1)
    assert list(tree.evict(4, 11.0).slots) == order


@pytest.mark.parametrize("policy", [LRU, LFU, FIFO])
def test_the_least_valuable_of_all_scopes_goes_first(policy: Callable[[], Policy]) -> None:
    tree = RadixTree(policy=policy)
    for number in range(6):
        scope = ACME if number % 2 else BELL
        tree.insert(pack([number]), array("i", [number]), scope, 0.0)
    assert list(tree.evict(2, 1.0).slots) == [0, 1]
    assert list(tree.evict(1, 1.0, scope="acme").slots) == [3]
    assert list(tree.evict(9, 1.0).slots) == [2, 4, 5]


def test_a_parent_left_bare_goes_when_its_own_last_use_says() -> None:
    tree = RadixTree()
    tree.insert(pack([1, 2]), array("i", [1, 2]), ACME, 0.0)
    tree.insert(pack([3]), array("i", [3]), ACME, 1.0)
    tree.match(pack([1]), ACME, 2.0)
    tree.insert(pack([4]), array("i", [4]), ACME, 3.0)
    # The tail was used first of all, its parent after 3 and before 4.
    assert list(tree.evict(4, 4.0).slots) == [2, 3, 1, 4]


@pytest.mark.parametrize("policy", [LRU, LFU, FIFO])
def test_stale_entries_do_not_pile_up(policy: Callable[[], Policy]) -> None:
    tree = filled(policy, leaves=8)
    for round_ in range(3000):
        key = pack([round_ % 8])
        tree.lease(key, ACME, float(round_) + 0.5, float(round_))
        tree.unlock(tree.lock(key, ACME), float(round_))
    order = tree._forest.trees["acme"].policy
    assert len(order._heap) < 200  # type: ignore[attr-defined]
    assert len(tree._marks._leases._entries) < 200
    tree.check_integrity()


def test_evictions_look_at_a_handful_of_leaves_even_after_all_were_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree = filled(LRU, leaves=5000)
    numbers = list(range(5000))
    random.Random(1).shuffle(numbers)
    use(tree, *numbers)
    looked = 0
    rank = LRU.rank

    def counted(entry: object) -> tuple[int, ...]:
        nonlocal looked
        looked += 1
        return rank(entry)  # type: ignore[arg-type]

    monkeypatch.setattr(LRU, "rank", staticmethod(counted))
    assert list(tree.evict(100, 20.0).slots) == numbers[:100]
    assert looked <= 300
