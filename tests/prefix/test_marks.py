"""Pins and leases."""

from __future__ import annotations

from array import array

from headstart.prefix import RadixTree, Scope, pack

ACME, BELL = Scope("acme"), Scope("bell")
KEY = pack([1, 2, 3, 4])


def tree_with(key: bytes = KEY, scope: Scope = ACME) -> RadixTree:
    tree = RadixTree()
    tree.insert(key, array("i", range(len(key) // 4)), scope, 0.0)
    return tree


def test_a_pin_keeps_exactly_its_prefix() -> None:
    tree = tree_with()
    assert tree.pin(pack([1, 2, 9]), ACME) == 2
    assert list(tree.evict(10, 1e9, break_leases=True).slots) == [3, 2]
    assert tree.size_info().pinned == 2
    assert not tree.unpin(pack([1]), ACME, 2.0)
    assert not tree.unpin(pack([1, 2]), BELL, 2.0)
    assert tree.unpin(pack([1, 2]), ACME, 2.0)
    assert not tree.unpin(pack([1, 2]), ACME, 2.0)
    assert list(tree.evict(10, 3.0).slots) == [1, 0]


def test_nothing_stored_is_nothing_pinned() -> None:
    tree = RadixTree()
    assert tree.pin(KEY, ACME) == 0
    assert tree.lease(KEY, ACME, 9.0, 0.0) == 0
    assert tree.size_info() == RadixTree().size_info()
    tree.check_integrity()


def test_a_lease_keeps_its_prefix_until_its_time() -> None:
    tree = tree_with()
    assert tree.lease(pack([1, 2]), ACME, until=10.0, now=1.0) == 2
    assert list(tree.evict(10, 2.0).slots) == [3, 2]
    assert tree.size_info("acme").leased == 2
    assert list(tree.evict(10, 9.9).slots) == []
    assert list(tree.evict(10, 10.0).slots) == [1, 0]


def test_the_later_of_two_leases_wins() -> None:
    tree = tree_with()
    tree.lease(KEY, ACME, until=10.0, now=1.0)
    tree.lease(KEY, ACME, until=5.0, now=2.0)
    assert tree.evict(1, 6.0).slots == array("i")
    tree.lease(KEY, ACME, until=20.0, now=7.0)
    assert tree.evict(1, 11.0).slots == array("i")
    assert next(tree.entries()).leased_until == 20.0
    assert len(tree.evict(9, 20.0).slots) == 4


def test_an_expired_lease_goes_back_to_its_old_place() -> None:
    tree = RadixTree()
    for number in range(3):
        tree.insert(pack([number]), array("i", [number]), ACME, float(number))
    tree.lease(pack([0]), ACME, until=5.0, now=3.0)
    tree.lease(pack([1]), ACME, until=5.0, now=3.0)
    assert list(tree.evict(1, 4.0).slots) == [2]
    tree.insert(pack([7]), array("i", [7]), ACME, 4.5)
    assert list(tree.evict(3, 6.0).slots) == [0, 1, 7]


def test_a_lease_renewed_by_a_longer_prompt_covers_the_shorter_one() -> None:
    tree = tree_with()
    tree.lease(pack([1, 2]), ACME, until=10.0, now=0.0)
    tree.lease(KEY, ACME, until=20.0, now=1.0)
    assert tree.evict(9, 15.0).slots == array("i")
    assert tree.size_info().leased == 4


def test_leases_are_broken_last_and_soonest_first() -> None:
    tree = RadixTree()
    for number in range(3):
        tree.insert(pack([number]), array("i", [number]), ACME, 0.0)
    tree.lease(pack([0]), ACME, until=30.0, now=1.0)
    tree.lease(pack([1]), ACME, until=20.0, now=1.0)
    assert tree.evict(2, 2.0) == (array("i", [2]), 0)
    assert tree.evict(1, 3.0, break_leases=True) == (array("i", [1]), 1)
    assert tree.evict(9, 4.0, break_leases=True) == (array("i", [0]), 1)


def test_a_lease_is_not_broken_where_that_makes_no_room() -> None:
    tree = tree_with()
    tree.lease(KEY, ACME, until=30.0, now=1.0)
    lock = tree.lock(KEY, ACME)
    assert tree.evict(9, 2.0, break_leases=True) == (array("i"), 0)
    tree.unlock(lock, 3.0)
    assert tree.evict(9, 4.0).slots == array("i"), "the lease must have survived"


def test_break_lease_frees_pages_until_none_is_leased() -> None:
    tree = tree_with()
    tree.lease(pack([1]), ACME, until=10.0, now=0.0)
    tree.lease(pack([1, 2, 3]), ACME, until=20.0, now=0.0)
    tree.lease(KEY, ACME, until=15.0, now=0.0)
    assert tree.break_lease(BELL, 1.0) == 0
    # The lease of [1] frees nothing by itself and goes with that of the whole key.
    assert tree.break_lease(ACME, 1.0) == 1
    assert tree.size_info("acme").leased == 3
    assert tree.break_lease(ACME, 1.0) == 3
    assert tree.break_lease(ACME, 1.0) == 0


def test_a_leased_node_that_splits_is_kept_whole() -> None:
    tree = tree_with()
    tree.lease(KEY, ACME, until=10.0, now=0.0)
    tree.insert(pack([1, 2, 7]), array("i", [20, 21, 22]), ACME, 1.0)
    tree.check_integrity()
    assert tree.size_info().leased == 4
    assert list(tree.evict(9, 2.0).slots) == [22]
    assert sorted(tree.evict(9, 10.0).slots) == [0, 1, 2, 3]


def test_a_use_of_a_leased_prefix_counts_once_the_lease_is_over() -> None:
    tree = tree_with(pack([1]))
    tree.insert(pack([2]), array("i", [2]), ACME, 1.0)
    tree.lease(pack([1]), ACME, until=5.0, now=2.0)
    tree.match(pack([1]), ACME, 3.0)
    assert list(tree.evict(2, 6.0).slots) == [2, 0]
