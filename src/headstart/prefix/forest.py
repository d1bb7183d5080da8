"""The scopes' trees as one forest: how nodes come, split, are held, and go."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator

from headstart.prefix.contract import Scope
from headstart.prefix.node import BRANCH, LOCK, Node
from headstart.prefix.policies import Policy
from headstart.prefix.scopes import Counts, Race, ScopeTree, hold, unhold
from headstart.prefix.walk import Place, descend, reach
from headstart.prefix.walk import candidates as walk_candidates


class Forest:
    """Nodes of all scopes with their counts and eviction orders; knows no time limits.

    ``size`` is the bytes of a page. ``void`` stands for a scope that has nothing. A lock, a
    pin or a lease is a *hold* on a path; pins and leases are kept by ``Marks``.
    """

    def __init__(self, size: int, policy: Callable[[], Policy]) -> None:
        self.size = size
        self.trees: dict[str, ScopeTree] = {}
        self.void = ScopeTree("", policy())
        self.total = Counts()
        self._race = Race()
        self._tick = 0
        self._policy = policy

    def ask(self, key: bytes, scope: Scope, now: float) -> None:
        """Tell a scope's policy what is about to be looked up."""
        tree = self.trees.get(scope.tenant)
        if tree is not None:
            tree.policy.asked(key, self.size, now)

    def seek(self, key: bytes, scope: Scope) -> Place:
        """The longest stored prefix; of equal ones that with most of it shared."""
        if scope.shared is not None:
            return max(self.candidates(key, scope), key=reach)
        root = self._root(self.trees.get(scope.tenant), scope.salt)
        return descend(root, root.children, key, 0, self.size)

    def candidates(self, key: bytes, scope: Scope) -> Iterable[Place]:
        """Every way a key may be stored for this scope, most shared first."""
        own = self.trees.get(scope.tenant)
        shared = self.trees.get(scope.shared) if scope.shared is not None else None
        if shared is None or shared is own:
            root = self._root(own, scope.salt)
            return (descend(root, root.children, key, 0, self.size),)
        return walk_candidates(key, scope, own, shared, self.size)

    def _root(self, tree: ScopeTree | None, salt: str) -> Node:
        return tree.roots.get(salt, self.void.root) if tree is not None else self.void.root

    def front_of(self, scope: str | None) -> Callable[[], Node | None]:
        """What names the least valuable leaf of one scope, or of all."""
        if scope is None:
            return self._race.front
        return self.trees.get(scope, self.void).policy.front

    def nodes(self, scope: str | None) -> Iterator[Node]:
        """Every node of one scope, or of all."""
        trees = list(self.trees.values())
        for tree in trees if scope is None else [self.trees.get(scope, self.void)]:
            yield from tree.walk()

    def open(self, name: str) -> ScopeTree:
        """A scope's tree, made if there is none."""
        tree = self.trees.get(name)
        if tree is None:
            tree = self.trees[name] = ScopeTree(name, self._policy())
        return tree

    def close_if_idle(self, tree: ScopeTree) -> None:
        """Forget a scope that has nothing and keeps nothing."""
        if tree.is_idle:
            self.trees.pop(tree.name, None)

    def end_of(self, place: Place) -> Node:
        """The node that ends where the match does; splits the edge if none does."""
        node, _, part = place
        return self._split(node, part) if part else node

    def _split(self, node: Node, at: int) -> Node:
        upper = node.cut(at, self.size)
        _siblings(upper)[upper.key[: self.size]] = upper
        if node in node.tree.branches:
            del node.tree.branches[node]
            node.tree.branches[upper] = None
        for counts in (node.tree.counts, self.total):
            counts.nodes += 1
        return upper

    def attach(self, parent: Node, key: bytes, slots: array[int], scope: Scope, now: float) -> Node:
        """Hang a new leaf of this scope below ``parent``, which may be a shared node."""
        tree = self.open(scope.tenant)
        if parent.parent is None:
            parent = tree.open_root(scope.salt)
        elif parent.is_leaf:
            parent.tree.policy.remove(parent)
            for counts in (parent.tree.counts, self.total):
                counts.leaves -= 1
        node = Node(tree, parent, key, slots, scope.salt)
        node.created = node.last_access = now
        node.birth = node.tick = self._tick + 1
        _siblings(node)[key[: self.size]] = node
        if parent.tree is not tree:
            tree.branches[node] = None
            self.hold(parent, BRANCH)
        for counts in (tree.counts, self.total):
            counts.grow(len(slots))
            counts.nodes += 1
            counts.leaves += 1
        self._enter(node, in_use=True)
        return node

    def trim(self, node: Node, pages: int, given: array[int]) -> None:
        """Take up to ``pages`` from the tail of an unheld leaf, the last page first."""
        keep = max(0, len(node.slots) - pages)
        tail = node.slots[keep:]
        tail.reverse()
        given.extend(tail)
        for counts in (node.tree.counts, self.total):
            counts.grow(-len(tail))
        if keep:
            del node.slots[keep:]
            node.key = node.key[: keep * self.size]
        else:
            self._detach(node)

    def _detach(self, node: Node) -> None:
        tree, parent = node.tree, node.parent
        assert parent is not None
        tree.policy.remove(node)
        siblings = _siblings(node)
        del siblings[node.key[: self.size]]
        for counts in (tree.counts, self.total):
            counts.nodes -= 1
            counts.leaves -= 1
        if parent.tree is not tree:
            del tree.branches[node]
            if not siblings and parent.foreign is not None:
                del parent.foreign[tree.name, node.salt]
        self._bare(parent)
        if parent.tree is not tree:
            self.unhold(parent, BRANCH)
        self.close_if_idle(tree)

    def _bare(self, parent: Node) -> None:
        """A node lost a child: it may be a leaf now."""
        if parent.parent is None:
            parent.tree.close_root(parent)
            return
        if not parent.is_leaf:
            return
        for counts in (parent.tree.counts, self.total):
            counts.leaves += 1
        if not any(parent.holds):
            self._enter(parent, in_use=False)

    def use(self, path: list[Node], now: float, hit: int) -> None:
        """Count a use of a whole path, given tail first."""
        if not path:
            return
        self._tick += 1
        tick = self._tick
        for node in path:
            node.tick = tick
            node.last_access = now
            node.hits += hit
        path[0].tree.policy.used(path[0])

    def hold(self, node: Node, kind: int) -> None:
        """Keep a whole path, by its last node."""
        hold(node.path(), kind, self.total)

    def unhold(self, node: Node, kind: int, in_use: bool = False) -> None:
        """End one hold. Unless the path is ``in_use`` just now, what comes free takes the
        place in the order that its past gives it."""
        if unhold(node.path(), kind, self.total):
            self._enter(node, in_use)

    def _enter(self, leaf: Node, in_use: bool) -> None:
        policy = leaf.tree.policy
        if in_use:
            policy.add(leaf)
        else:
            policy.restore(leaf)
        self._race.offer(leaf.tree, policy.rank(leaf))

    def below(self, node: Node) -> list[Node]:
        """A node and all below it, other scopes' too, children first."""
        order: list[Node] = []
        stack = [node]
        while stack:
            order.append(stack.pop())
            stack.extend(order[-1].children.values())
            for heads in (order[-1].foreign or {}).values():
                stack.extend(heads.values())
        order.reverse()
        return order

    def fall(self, scope: str) -> list[tuple[Node, bool]]:
        """A scope's nodes and all below them, children first, and whether each one goes
        with the scope: if it, or a node of the scope above it, is not locked."""
        tree = self.trees.get(scope, self.void)
        order: list[tuple[Node, bool]] = []
        stack = [(head, False) for head in tree.heads()]
        while stack:
            node, goes = stack.pop()
            goes = goes or (node.tree is tree and not node.holds[LOCK])
            order.append((node, goes))
            stack.extend((child, goes) for child in node.children.values())
            for heads in (node.foreign or {}).values():
                stack.extend((head, goes) for head in heads.values())
        order.reverse()
        return order


def _siblings(node: Node) -> dict[bytes, Node]:
    """The dictionary in which a node's parent has, or is to have, the node."""
    parent = node.parent
    assert parent is not None
    if parent.tree is node.tree:
        return parent.children
    if parent.foreign is None:
        parent.foreign = {}
    return parent.foreign.setdefault((node.tree.name, node.salt), {})
