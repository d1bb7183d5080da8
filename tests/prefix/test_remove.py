"""Forgetting one prefix: what goes with it, what stays, the same in the tree and its twin."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from headstart.prefix import RadixTree, Scope
from headstart.prefix.contract import PrefixIndex
from headstart.prefix.naive import NaiveIndex

OPS = Scope("ops")
SCOPES = (OPS, Scope("a", "ops"), Scope("b", "ops"), Scope("a", "ops", "salt"), Scope("b"))


def put(index: PrefixIndex, text: bytes, scope: Scope, first: int = 0) -> None:
    key = widen(text)
    present = index.peek(key, scope).length
    index.insert(key, array("i", range(first + present, first + len(text))), scope, 1.0, present)


def widen(text: bytes) -> bytes:
    """One 4-byte symbol a character."""
    return b"".join(bytes([char, 0, 0, 0]) for char in text)


def held(index: PrefixIndex) -> set[tuple[str, str, bytes]]:
    return {(entry.scope, entry.salt, entry.key[::4]) for entry in index.entries()}


def test_a_prefix_goes_with_what_only_it_needs() -> None:
    tree = RadixTree()
    put(tree, b"common-one", OPS, 100)
    put(tree, b"common-two", OPS, 200)
    assert sorted(tree.remove(widen(b"common-one"), OPS)) == list(range(107, 110))
    assert held(tree) == {("ops", "", b"common-two")}
    assert len(tree.remove(widen(b"common-two"), OPS)) == len("common-two")
    assert held(tree) == set()
    tree.check_integrity()


def test_a_pin_on_the_way_ends_what_goes() -> None:
    tree = RadixTree()
    put(tree, b"abcdef", OPS)
    tree.pin(widen(b"abc"), OPS)
    assert len(tree.remove(widen(b"abcdef"), OPS)) == 3
    assert held(tree) == {("ops", "", b"abc")}


def test_what_continues_it_goes_too_pinned_or_not() -> None:
    tree = RadixTree()
    put(tree, b"abc", OPS)
    put(tree, b"abcde", Scope("a", "ops"), 10)
    tree.pin(widen(b"abcde"), Scope("a", "ops"))
    assert len(tree.remove(widen(b"abc"), OPS)) == 5
    assert tree.size_info().pages == tree.size_info().pinned == 0


def test_a_tenants_prefix_leaves_the_shared_part() -> None:
    tree = RadixTree()
    put(tree, b"abc", OPS)
    put(tree, b"abcde", Scope("a", "ops"), 10)
    assert len(tree.remove(widen(b"abcde"), Scope("a", "ops"))) == 2
    assert held(tree) == {("ops", "", b"abc")}


def test_what_is_locked_or_not_there_stays() -> None:
    tree = RadixTree()
    put(tree, b"abc", OPS)
    lock = tree.lock(widen(b"abc"), OPS)
    tree.lease(widen(b"abc"), OPS, 10.0, 1.0)
    assert not tree.remove(widen(b"abc"), OPS)
    assert tree.size_info().leased == 0
    tree.unlock(lock, 1.0)
    assert not tree.remove(widen(b"abcd"), OPS)
    assert not tree.remove(b"", OPS)
    assert len(tree.remove(widen(b"abc"), OPS)) == 3


texts = st.text("ab", min_size=1, max_size=6).map(str.encode)
steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "pin", "lease", "lock", "remove"]),
        texts,
        st.sampled_from(SCOPES),
    ),
    max_size=30,
)


@given(steps)
def test_the_tree_forgets_what_its_twin_does(given_steps: list[tuple[str, bytes, Scope]]) -> None:
    tree, naive = RadixTree(), NaiveIndex()
    both: tuple[PrefixIndex, ...] = (tree, naive)
    for number, (kind, text, scope) in enumerate(given_steps):
        key = widen(text)
        outcomes = []
        for index in both:
            if kind == "put":
                put(index, text, scope, number * 100)
            elif kind == "pin":
                index.pin(key, scope)
            elif kind == "lease":
                index.lease(key, scope, 50.0, 1.0)
            elif kind == "lock":
                index.lock(key, scope)
            else:
                outcomes.append(sorted(index.remove(key, scope)))
        assert outcomes[:1] == outcomes[1:]
        sizes = [i.size_info()._replace(nodes=0, leaves=0) for i in both]
        assert sizes[0] == sizes[1]
        tree.check_integrity()
