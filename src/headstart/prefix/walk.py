"""Finding a key in the tree: memory comparison per edge, no copy, no digest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from headstart.prefix.contract import Scope
from headstart.prefix.node import Node
from headstart.prefix.pack import common
from headstart.prefix.scopes import ScopeTree

Place: TypeAlias = tuple[Node, int, int]
"""How far a key is stored: ``(node, start, part)``, in bytes. With part 0, ``node`` is
matched whole and ends at ``start``; otherwise it begins there and matches for ``part``."""


def reach(place: Place) -> int:
    """Bytes of the key that are stored."""
    return place[1] + place[2]


def descend(node: Node, children: dict[bytes, Node], key: bytes, at: int, size: int) -> Place:
    """Follow ``key`` from byte ``at`` down, starting with these ``children`` of ``node``.

    ``size`` is the bytes of one page. Changes nothing.
    """
    while (child := children.get(key[at : at + size])) is not None:
        edge = child.key
        if not key.startswith(edge, at):
            return child, at, common(edge, key[at : at + len(edge)], size) * size
        at += len(edge)
        node, children = child, child.children
    return node, at, 0


def candidates(
    key: bytes, scope: Scope, own: ScopeTree | None, shared: ScopeTree, size: int
) -> Iterator[Place]:
    """Every way a key may be stored for a scope with a shared prefix, most shared first.

    All of it shared; below each shared node on the way, the tenant's branch; the tenant's
    own tree.
    """
    place = descend(shared.root, shared.root.children, key, 0, size)
    yield place
    node: Node | None
    node, at, part = place
    if part:
        node = node.parent
    while node is not None:
        heads = node.foreign.get((scope.tenant, scope.salt)) if node.foreign else None
        if heads:
            yield descend(node, heads, key, at, size)
        at -= len(node.key)
        node = node.parent
    root = own.roots.get(scope.salt) if own is not None else None
    if root is not None:
        yield descend(root, root.children, key, 0, size)
