"""Pins and leases: who keeps which prefix, and when a lease ends."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from headstart.prefix.forest import Forest
from headstart.prefix.leases import Lease, LeaseHeap
from headstart.prefix.node import BRANCH, LEASE, LOCK, PIN, Node


class Marks:
    """The pins and leases of all scopes.

    Each belongs to the tenant that gave it, which matters on shared nodes: several tenants
    may keep one there, and none can end another's.
    """

    def __init__(self, forest: Forest) -> None:
        self._forest = forest
        self._leases = LeaseHeap()
        self._next_expiry = inf
        self._serial = 0

    def pin(self, node: Node, tenant: str) -> None:
        """Pin exactly the prefix that ends with this node; no effect the second time."""
        if node.pins is None:
            node.pins = set()
        if tenant not in node.pins:
            node.pins.add(tenant)
            self._forest.open(tenant).pins_given[node] = None
            self._forest.hold(node, PIN)

    def unpin(self, node: Node, tenant: str) -> bool:
        """True if the tenant had pinned exactly this prefix."""
        if not node.pins or tenant not in node.pins:
            return False
        node.pins.discard(tenant)
        giver = self._forest.trees[tenant]
        del giver.pins_given[node]
        self._forest.unhold(node, PIN)
        self._forest.close_if_idle(giver)
        return True

    def lease(self, node: Node, tenant: str, until: float) -> None:
        """Lease exactly the prefix that ends with this node; the later of two wins."""
        if node.leases is None:
            node.leases = {}
        old = node.leases.get(tenant)
        if old is not None and old.until >= until:
            return
        lease = Lease(node, tenant, until)
        self._serial += 1
        for heap in self._heaps(lease):
            heap.push(lease, self._serial)
        self._forest.hold(node, LEASE)
        if old is not None:
            self.end(old)
        node.leases[tenant] = lease
        self._next_expiry = min(self._next_expiry, until)

    def end(self, lease: Lease) -> int:
        """End a lease now; returns the pages that are no longer leased."""
        before = self._forest.total.held[LEASE]
        lease.over = True
        for heap in self._heaps(lease):
            heap.discard()
        if lease.node.leases is not None:
            lease.node.leases.pop(lease.tenant, None)
        self._forest.unhold(lease.node, LEASE)
        self._forest.close_if_idle(self._forest.trees[lease.tenant])
        return before - self._forest.total.held[LEASE]

    def expire(self, now: float) -> None:
        """End the leases whose time is up; costs one comparison when there are none."""
        if now < self._next_expiry:
            return
        while (lease := self._leases.first()) is not None and lease.until <= now:
            self.end(lease)
        self._next_expiry = inf if lease is None else lease.until

    def break_first(self, tenant: str) -> int:
        """End a tenant's leases, soonest to expire first, until pages are no longer leased.

        Returns how many: 0 only if the tenant holds no lease. Leases that keep nothing a
        longer one does not keep too are ended on the way.
        """
        tree = self._forest.trees.get(tenant)
        freed = 0
        while tree and not freed and (lease := tree.leases_given.first()):
            freed = self.end(lease)
        return freed

    def breakable(self, scope: str | None) -> Iterator[Lease]:
        """Leases whose end may make room, soonest first: not those of locked or pinned
        nodes, nor, within one scope, those with another scope's nodes below."""
        forest = self._forest
        heap = self._leases if scope is None else forest.trees.get(scope, forest.void).leases
        for lease in heap.ascending():
            holds = lease.node.holds
            stuck = holds[LOCK] or holds[PIN] or (scope is not None and holds[BRANCH])
            if not stuck:
                yield lease

    def forget(self, tenant: str) -> None:
        """End everything that a tenant keeps, on whosever nodes."""
        tree = self._forest.trees.get(tenant)
        if tree is not None:
            for lease in list(tree.leases_given.ascending()):
                self.end(lease)
            for node in list(tree.pins_given):
                self.unpin(node, tenant)

    def clear(self, node: Node) -> None:
        """Take every pin and lease off a node, whoever gave it."""
        for lease in list((node.leases or {}).values()):
            self.end(lease)
        for tenant in list(node.pins or ()):
            self.unpin(node, tenant)

    def _heaps(self, lease: Lease) -> tuple[LeaseHeap, LeaseHeap, LeaseHeap]:
        giver = self._forest.open(lease.tenant)
        return self._leases, lease.node.tree.leases, giver.leases_given
