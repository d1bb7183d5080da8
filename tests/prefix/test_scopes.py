"""Tenants, and prefixes that an operator shares with them."""

from __future__ import annotations

from array import array

import pytest

from headstart.prefix import NaiveIndex, PrefixIndex, RadixTree, Scope, pack

OPS = Scope("ops")
ACME, BELL = Scope("acme", shared="ops"), Scope("bell", shared="ops")


@pytest.fixture(params=[RadixTree, NaiveIndex])
def index(request: pytest.FixtureRequest) -> PrefixIndex:
    made: PrefixIndex = request.param()
    return made


def store(index: PrefixIndex, tokens: list[int], first: int, scope: Scope, now: float = 0.0) -> int:
    """Slots count up from ``first``; returns how many symbols were there before."""
    numbers = array("i", range(first, first + len(tokens)))
    return index.insert(pack(tokens), numbers, scope, now).present


def found(index: PrefixIndex, tokens: list[int], scope: Scope) -> list[int]:
    return list(index.peek(pack(tokens), scope).slots)


def test_tenants_never_see_each_other(index: PrefixIndex) -> None:
    store(index, [1, 2, 3], 0, Scope("acme"))
    assert found(index, [1, 2, 3], Scope("bell")) == []
    assert store(index, [1, 2, 3], 10, Scope("bell")) == 0
    assert found(index, [1, 2, 3], Scope("acme")) == [0, 1, 2]
    assert sorted(index.drop("bell")) == [10, 11, 12]
    assert found(index, [1, 2, 3], Scope("acme")) == [0, 1, 2]


def test_a_shared_prefix_continues_in_each_tenants_own_nodes(index: PrefixIndex) -> None:
    store(index, [1, 2, 3, 4], 0, OPS)
    assert store(index, [1, 2, 3, 4, 5], 10, ACME) == 4
    assert store(index, [1, 2, 3, 4, 5], 20, BELL) == 4
    assert found(index, [1, 2, 3, 4, 5], ACME) == [0, 1, 2, 3, 14]
    assert found(index, [1, 2, 3, 4, 5], BELL) == [0, 1, 2, 3, 24]
    assert found(index, [1, 2, 3, 4, 5], OPS) == [0, 1, 2, 3]
    assert index.size_info("acme").pages == index.size_info("bell").pages == 1
    index.check_integrity()


def test_a_tenant_may_leave_the_shared_prefix_anywhere(index: PrefixIndex) -> None:
    store(index, [1, 2, 3, 4], 0, OPS)
    assert store(index, [1, 2, 9], 10, ACME) == 2
    assert found(index, [1, 2, 9], ACME) == [0, 1, 12]
    assert found(index, [1, 2, 3, 4], BELL) == [0, 1, 2, 3]
    assert store(index, [7, 8], 20, ACME) == 0
    assert found(index, [7, 8], Scope("acme")) == [20, 21]
    index.check_integrity()


def test_the_longest_total_wins_over_the_longest_shared_prefix(index: PrefixIndex) -> None:
    store(index, [1, 2], 0, OPS)
    store(index, [1, 2, 3, 4, 5], 10, ACME)
    store(index, [1, 2, 3], 20, OPS)
    assert found(index, [1, 2, 3, 4, 5, 6], ACME) == [0, 1, 12, 13, 14]
    assert found(index, [1, 2, 3, 9], ACME) == [0, 1, 22], "of equals the shared one"
    assert store(index, [1, 2, 3, 4, 5, 6], 30, ACME) == 5
    assert found(index, [1, 2, 3, 4, 5, 6], ACME) == [0, 1, 12, 13, 14, 35]


def test_what_was_stored_before_the_operator_shared_it_is_still_found(
    index: PrefixIndex,
) -> None:
    store(index, [1, 2, 3], 0, ACME)
    store(index, [1, 2], 10, OPS)
    assert found(index, [1, 2, 3], ACME) == [0, 1, 2]
    assert found(index, [1, 2], ACME) == [10, 11]


def test_a_shared_node_outlives_the_branches_below_it(index: PrefixIndex) -> None:
    store(index, [1, 2], 0, OPS, now=0.0)
    store(index, [1, 2, 3], 10, ACME, now=1.0)
    assert list(index.evict(9, 2.0, scope="ops").slots) == []
    assert index.size_info("ops").evictable == 0
    assert index.size_info().evictable == 3
    assert list(index.evict(9, 3.0).slots) == [12, 1, 0]


def test_a_tenants_lock_keeps_the_shared_part_too(index: PrefixIndex) -> None:
    store(index, [1, 2], 0, OPS)
    store(index, [1, 2, 3], 10, ACME)
    lock = index.lock(pack([1, 2, 3]), ACME)
    assert (index.size_info("ops").locked, index.size_info("acme").locked) == (2, 1)
    assert list(index.evict(9, 1.0).slots) == []
    index.pin(pack([1, 2]), BELL)
    assert list(index.drop("ops")) == []
    assert index.size_info("ops").pinned == 0
    index.unlock(lock, 2.0)
    assert sorted(index.drop("ops")) == [0, 1, 12], "nothing can be reached below it"
    assert index.size_info().pages == 0
    index.check_integrity()


def test_marks_on_shared_nodes_belong_to_their_tenant(index: PrefixIndex) -> None:
    store(index, [1, 2], 0, OPS)
    index.pin(pack([1, 2]), ACME)
    index.pin(pack([1, 2]), BELL)
    index.lease(pack([1, 2]), ACME, 10.0, 0.0)
    assert index.break_lease(BELL, 1.0) == 0
    assert index.unpin(pack([1, 2]), BELL, 1.0)
    assert index.size_info("ops")[:4] == (2, 0, 2, 2)
    index.drop("acme")
    assert index.size_info("ops")[:4] == (2, 0, 0, 0)
    assert list(index.evict(9, 2.0, scope="ops").slots) == [1, 0]


def test_a_pin_is_found_again_after_the_operator_shared_the_same_prefix(
    index: PrefixIndex,
) -> None:
    store(index, [1, 2], 0, ACME)
    index.pin(pack([1, 2]), ACME)
    store(index, [1, 2], 10, OPS)
    assert index.unpin(pack([1, 2]), ACME, 1.0)
    assert index.size_info().pinned == 0


def test_dropping_a_scope_spares_what_is_locked_but_not_its_marks(index: PrefixIndex) -> None:
    store(index, [1, 2, 3], 0, Scope("acme"))
    lock = index.lock(pack([1, 2]), Scope("acme"))
    index.pin(pack([1, 2]), Scope("acme"))
    index.lease(pack([1]), Scope("acme"), 99.0, 0.0)
    assert list(index.drop("acme")) == [2]
    index.unlock(lock, 1.0)
    assert index.size_info()[1:5] == (0, 0, 0, 2)
    assert list(index.drop("nobody")) == []


def test_scopes_that_are_empty_leave_nothing_behind() -> None:
    tree = RadixTree()
    for number in range(50):
        scope = Scope(f"tenant{number}", shared="ops")
        store(tree, [1, number], 2 * number, scope)
        tree.lease(pack([1]), scope, 5.0, 0.0)
    assert len(tree.evict(1000, 6.0).slots) == 100
    assert not tree._forest.trees
