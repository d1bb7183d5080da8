"""Every invariant of the tree, checked the slow way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headstart.prefix.node import BRANCH, LEASE, LOCK, PIN, Node
from headstart.prefix.scopes import Counts, ScopeTree


def check_trees(trees: Mapping[str, ScopeTree], total: Counts, size: int) -> None:
    """AssertionError naming the first thing that is wrong; ``size`` is bytes a page."""
    sums = Counts()
    for name, tree in trees.items():
        assert tree.name == name, f"scope {tree.name!r} is filed under {name!r}"
        assert not tree.is_idle, f"scope {name!r} is kept though it is empty"
        counted = _count(tree, size)
        _compare(tree.counts, counted, f"scope {name!r}")
        _check_given(tree)
        _add(sums, counted)
    _compare(total, sums, "all scopes")


def _count(tree: ScopeTree, size: int) -> Counts:
    counts = Counts()
    in_order = 0
    for node in tree.walk():
        pages = len(node.slots)
        _check_place(node, tree, size)
        _check_holds(node)
        counts.nodes += 1
        counts.leaves += node.is_leaf
        counts.pages += pages
        counts.free += 0 if node.protected else pages
        counts.evictable += 0 if any(node.holds) else pages
        for kind in (LOCK, PIN, LEASE, BRANCH):
            counts.held[kind] += pages if node.holds[kind] else 0
        loose = node.is_leaf and not any(node.holds)
        assert (node in tree.policy) == loose, (
            f"a {'leaf' if node.is_leaf else 'node'} of {tree.name!r} with holds {node.holds} is "
            "wrongly in or out of the eviction order"
        )
        in_order += loose
    assert in_order == len(tree.policy), f"the order of {tree.name!r} has nodes that are gone"
    front = tree.policy.front()
    assert (front is None) == (not in_order), f"{tree.name!r} has leaves and gives none up"
    assert front is None or tree.offered is not None, f"{tree.name!r} is out of the race"
    return counts


def _check_place(node: Node, tree: ScopeTree, size: int) -> None:
    assert node.tree is tree, f"a node of {node.tree.name!r} hangs in {tree.name!r}"
    assert node.key, "a node has no key"
    assert len(node.key) == len(node.slots) * size, "key and slots differ in length"
    parent = node.parent
    assert parent is not None, "a node below the root has no parent"
    assert (parent.tree is not tree) == (node in tree.branches), "a branch is not on the list"
    if parent.parent is not None:
        assert parent.tick >= node.tick, "a parent was used before its child"
        assert parent.hits >= node.hits, "a parent was matched less often than its child"
        assert parent.birth <= node.birth, "a parent is younger than its child"
    for first, child in node.children.items():
        assert child.key[:size] == first, "a child is filed under another page"
        assert child.parent is node, "a child points to another parent"
    assert node.salt == parent.salt or parent.tree is not tree, "a node changed its salt"
    for (name, salt), heads in (node.foreign or {}).items():
        assert heads, "an empty set of branches was kept"
        for first, head in heads.items():
            assert head.key[:size] == first, "a branch is filed under another page"
            assert head.parent is node, "a branch points to another parent"
            assert head.tree.name == name != tree.name, "a branch is filed under another scope"
            assert head.salt == salt, "a branch is filed under another salt"
            assert head in head.tree.branches, "a branch is not on its scope's list"


def _check_holds(node: Node) -> None:
    own = list(node.children.values())
    heads = [head for heads in (node.foreign or {}).values() for head in heads.values()]
    below = [*own, *heads]
    assert node.holds[LOCK] >= _held(below, LOCK), "a lock below a node is not counted"
    assert node.holds[PIN] == _held(below, PIN) + len(node.pins or ()), "pins are miscounted"
    assert node.holds[LEASE] == _held(below, LEASE) + len(node.leases or ()), (
        "leases are miscounted"
    )
    assert node.holds[BRANCH] == _held(own, BRANCH) + len(heads), "branches are miscounted"


def _held(nodes: Iterable[Node], kind: int) -> int:
    return sum(node.holds[kind] for node in nodes)


def _check_given(tree: ScopeTree) -> None:
    for lease in tree.leases_given.ascending():
        assert lease.tenant == tree.name, "a lease is filed under another tenant"
        assert (lease.node.leases or {}).get(tree.name) is lease, "a node lost its lease"
    for node in tree.pins_given:
        assert tree.name in (node.pins or ()), "a node lost its pin"


def _add(sums: Counts, counts: Counts) -> None:
    for field in ("pages", "free", "evictable", "nodes", "leaves"):
        setattr(sums, field, getattr(sums, field) + getattr(counts, field))
    sums.held = [a + b for a, b in zip(sums.held, counts.held, strict=True)]


def _compare(kept: Counts, counted: Counts, what: str) -> None:
    for field in ("pages", "free", "evictable", "held", "nodes", "leaves"):
        a, b = getattr(kept, field), getattr(counted, field)
        assert a == b, f"{field} of {what}: {a} on the books, {b} counted"
