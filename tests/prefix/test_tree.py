from __future__ import annotations

from array import array
from collections.abc import Iterable

import pytest

from headstart.prefix import (
    Inserted,
    NaiveIndex,
    PrefixIndex,
    RadixTree,
    Scope,
    pack,
)

ACME = Scope("acme")


def slots(*numbers: int) -> array[int]:
    return array("i", numbers)


def stored(index: PrefixIndex, tokens: Iterable[int], first: int, now: float = 0.0) -> bytes:
    """Insert a key whose slots count up from ``first``."""
    key = pack(tokens, page=index.page)
    pages = len(key) // 4 // index.page
    index.insert(key, slots(*range(first, first + pages)), ACME, now)
    return key


@pytest.mark.parametrize("page", [1, 16, 512])
@pytest.mark.parametrize("width", [4, 8])
def test_match_ends_where_the_last_common_page_does(page: int, width: int) -> None:
    tree = RadixTree(page=page, width=width)
    tokens = list(range(page * 6))
    key = pack(tokens, width)
    tree.insert(key, slots(*range(6)), ACME, 0.0)

    for pages in range(7):
        other = tokens.copy()
        if pages < 6:
            other[pages * page + page // 2] = 999_999
        match = tree.match(pack(other, width), ACME, 1.0)
        assert match.length == pages * page
        assert list(match.slots) == list(range(pages))
    tree.check_integrity()


def test_a_longer_and_a_shorter_key_match_what_is_stored() -> None:
    tree = RadixTree(page=2)
    stored(tree, [1, 2, 3, 4, 5, 6], 10)
    assert list(tree.peek(pack([1, 2, 3, 4, 5, 6, 7, 8]), ACME).slots) == [10, 11, 12]
    assert list(tree.peek(pack([1, 2, 3, 4]), ACME).slots) == [10, 11]
    assert tree.peek(b"", ACME).length == 0
    assert tree.size_info().nodes == 1, "peek must not split"


def test_pages_already_present_keep_their_slots() -> None:
    tree = RadixTree()
    stored(tree, [1, 2, 3], 0)
    done = tree.insert(pack([1, 2, 9, 9]), slots(50, 51, 52, 53), ACME, 1.0)
    assert done == Inserted(present=2, length=4)
    assert list(tree.peek(pack([1, 2, 9, 9]), ACME).slots) == [0, 1, 52, 53]
    assert list(tree.peek(pack([1, 2, 3]), ACME).slots) == [0, 1, 2]


def test_slots_may_start_later_but_not_beyond_what_is_present() -> None:
    tree = RadixTree()
    stored(tree, [1, 2, 3], 0)
    done = tree.insert(pack([1, 2, 3, 4, 5]), slots(52, 53, 54), ACME, 1.0, start=2)
    assert done == Inserted(present=3, length=5)
    assert list(tree.peek(pack([1, 2, 3, 4, 5]), ACME).slots) == [0, 1, 2, 53, 54]
    with pytest.raises(ValueError, match="start 2 lies beyond the 1 symbols present"):
        tree.insert(pack([1, 9, 9]), slots(60), ACME, 1.0, start=2)
    assert tree.size_info().nodes == 2, "a refused insert must not split"


def test_two_byte_patterns_that_line_up_only_off_symbol_do_not_match() -> None:
    tree = RadixTree()
    tree.insert(b"\0\0\0\1\0\0\0\2", slots(0, 1), ACME, 0.0)
    assert tree.peek(b"\0\0\0\1\0\0\0\3", ACME).length == 1


def test_hits_and_times_of_a_split_node_are_those_of_its_parts() -> None:
    tree = RadixTree()
    long = stored(tree, [1, 2, 3, 4], 0, now=1.0)
    tree.match(long, ACME, 2.0)
    tree.match(pack([1, 2]), ACME, 3.0)
    stored(tree, [1, 2, 7], 10, now=4.0)
    entries = {entry.key: entry for entry in tree.entries()}
    old, new = entries[long], entries[pack([1, 2, 7])]
    assert (old.hits, old.created, old.last_access) == (1, 1.0, 2.0)
    assert (new.hits, new.created, new.last_access) == (0, 4.0, 4.0)
    tree.pin(pack([1, 2]), ACME)
    upper = next(entry for entry in tree.entries() if entry.pinned)
    assert (upper.hits, upper.created, upper.last_access, upper.pages) == (2, 1.0, 4.0, 2)


def test_eviction_takes_the_tail_of_a_leaf_only_as_far_as_asked() -> None:
    tree = RadixTree(page=4)
    key = stored(tree, range(2000), 0)
    assert list(tree.evict(3, 1.0).slots) == [499, 498, 497]
    assert tree.match(key, ACME, 2.0).length == 497 * 4
    assert tree.size_info().nodes == 1
    assert len(tree.evict(1000, 3.0).slots) == 497
    assert tree.size_info().pages == tree.size_info().nodes == 0


def test_eviction_never_takes_a_page_with_something_below() -> None:
    tree = RadixTree()
    stored(tree, [1, 2, 3], 0, now=0.0)
    stored(tree, [1, 2, 4], 10, now=1.0)
    order = list(tree.evict(10, 2.0).slots)
    assert order == [2, 12, 1, 0]


def test_locked_paths_stay_and_come_free_once_all_locks_are_released() -> None:
    tree = RadixTree()
    key = stored(tree, [1, 2, 3, 4], 0)
    outer, inner = tree.lock(pack([1, 2, 9]), ACME), tree.lock(pack([1]), ACME)
    assert (outer.length, inner.length) == (2, 1)
    assert tree.size_info().locked == 2
    assert tree.size_info().evictable == 2
    assert list(tree.evict(10, 1.0).slots) == [3, 2]
    tree.unlock(outer, 2.0)
    assert list(tree.evict(10, 3.0).slots) == [1]
    assert tree.peek(key, ACME).length == 1
    tree.unlock(inner, 4.0)
    assert list(tree.evict(10, 5.0).slots) == [0]
    with pytest.raises(ValueError, match="released before"):
        tree.unlock(inner, 6.0)


def test_a_lock_holds_its_path_through_later_splits() -> None:
    tree = RadixTree()
    stored(tree, [1, 2, 3, 4], 0)
    lock = tree.lock(pack([1, 2, 3, 4]), ACME)
    stored(tree, [1, 2, 8], 10, now=1.0)
    tree.check_integrity()
    assert tree.size_info().locked == 4
    assert list(tree.evict(10, 2.0).slots) == [12]
    tree.unlock(lock, 3.0)
    assert sorted(tree.evict(10, 4.0).slots) == [0, 1, 2, 3]


def test_counts_cost_no_walk() -> None:
    """``size_info`` answers from counters: emptying the trees behind its back shows it."""
    tree = RadixTree()
    stored(tree, [1, 2, 3], 0)
    before = tree.size_info(), tree.size_info("acme")
    tree._forest.trees["acme"].root.children.clear()
    assert (tree.size_info(), tree.size_info("acme")) == before


def test_a_deep_tree_needs_no_recursion() -> None:
    tree = RadixTree()
    tokens = list(range(3000))
    for end in range(1, 3001):
        tree.insert(pack(tokens[:end]), slots(end - 1), ACME, 0.0, start=end - 1)
    assert tree.size_info().nodes == 3000
    tree.check_integrity()
    assert len(tree.drop("acme")) == 3000


@pytest.mark.parametrize("index", [RadixTree(page=2), NaiveIndex(page=2)])
def test_keys_that_are_not_whole_pages_are_refused(index: PrefixIndex) -> None:
    odd = pack([1, 2, 3])
    lock = index.lock(b"", ACME)
    with pytest.raises(ValueError, match="12 bytes"):
        index.match(odd, ACME, 0.0)
    with pytest.raises(ValueError, match="12 bytes"):
        index.peek(odd, ACME)
    with pytest.raises(ValueError, match="12 bytes"):
        index.insert(odd, slots(1), ACME, 0.0)
    with pytest.raises(ValueError, match="12 bytes"):
        index.lock(odd, ACME)
    with pytest.raises(ValueError, match="12 bytes"):
        index.pin(odd, ACME)
    with pytest.raises(ValueError, match="12 bytes"):
        index.unpin(odd, ACME, 0.0)
    with pytest.raises(ValueError, match="12 bytes"):
        index.lease(odd, ACME, 9.0, 0.0)
    index.unlock(lock, 0.0)


def test_bad_slots_and_starts_are_named() -> None:
    tree = RadixTree(page=2)
    key = pack([1, 2, 3, 4])
    with pytest.raises(ValueError, match="1 slots for 2 pages"):
        tree.insert(key, slots(1), ACME, 0.0)
    with pytest.raises(ValueError, match="start 1 is not a multiple"):
        tree.insert(key, slots(1), ACME, 0.0, start=1)
    with pytest.raises(ValueError, match="start -2 is not"):
        tree.insert(key, slots(1, 2, 3), ACME, 0.0, start=-2)
    with pytest.raises(ValueError, match="start 6 lies beyond the key's end"):
        tree.insert(key, slots(), ACME, 0.0, start=6)
    with pytest.raises(ValueError, match="array of 'i'"):
        tree.insert(key, array("q", [1, 2]), ACME, 0.0)
    with pytest.raises(ValueError, match="at least 1"):
        RadixTree(page=0)
    assert tree.size_info().pages == 0


def test_a_lock_of_another_index_is_refused() -> None:
    tree = RadixTree()
    with pytest.raises(ValueError, match="not of this index"):
        tree.unlock(NaiveIndex().lock(b"", ACME), 0.0)


def test_check_integrity_names_what_is_wrong() -> None:
    tree = RadixTree()
    stored(tree, [1, 2, 3], 0)
    node = next(tree._forest.nodes("acme"))
    node.slots.append(9)
    with pytest.raises(AssertionError, match="key and slots differ"):
        tree.check_integrity()
    node.slots.pop()
    tree._forest.total.pages += 1
    with pytest.raises(AssertionError, match="pages of all scopes: 4 on the books, 3 counted"):
        tree.check_integrity()
