"""The radix tree against the dictionary of pages: every operation, every answer."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from headstart.prefix import (
    FIFO,
    LFU,
    LRU,
    Lock,
    NaiveIndex,
    Policy,
    PrefixIndex,
    RadixTree,
    Scope,
    pack,
)

T = TypeVar("T")
NAMES = ("acme", "bell", "ops")
SCOPES = [
    Scope("acme"),
    Scope("acme", salt="s"),
    Scope("acme", shared="ops"),
    Scope("acme", shared="ops", salt="s"),
    Scope("bell", shared="ops"),
    Scope("ops"),
    Scope("ops", shared="ops"),
]
scopes = st.sampled_from(SCOPES)
owners = st.sampled_from([None, *NAMES])
# Two symbols and short keys, so that prefixes meet, diverge and end inside each other.
symbols = st.lists(st.integers(0, 1), max_size=14)


class Twins(RuleBasedStateMachine):
    """Both indexes are told the same; ``page`` and ``policy`` are set by the test."""

    page = 1
    policy: Callable[[], Policy] = LRU

    locks = Bundle("locks")

    @initialize()
    def start(self) -> None:
        self.tree = RadixTree(page=self.page, policy=self.policy)
        self.naive = NaiveIndex(page=self.page, policy=self.policy)
        self.now = 0.0
        self.slots = 0
        self.owned: set[int] = set()

    def same(self, ask: Callable[[PrefixIndex], T]) -> T:
        """What both answer; fails where they differ."""
        ours, theirs = ask(self.tree), ask(self.naive)
        assert ours == theirs
        return ours

    def key(self, of: list[int]) -> bytes:
        return pack(of, page=self.page)

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(of=symbols, scope=scopes, whole=st.booleans())
    def insert(self, of: list[int], scope: Scope, whole: bool) -> None:
        key = self.key(of)
        start = 0 if whole else self.tree.peek(key, scope).length
        count = len(key) // 4 // self.page - start // self.page
        slots = array("i", range(self.slots, self.slots + count))
        self.slots += count
        done = self.same(lambda index: index.insert(key, slots, scope, self.now, start))
        self.owned.update(slots[(done.present - start) // self.page :])

    @rule(of=symbols, scope=scopes)
    def match(self, of: list[int], scope: Scope) -> None:
        key = self.key(of)
        peeked = self.same(lambda index: index.peek(key, scope))
        assert self.same(lambda index: index.match(key, scope, self.now)) == peeked
        assert self.owned.issuperset(peeked.slots)

    @rule(target=locks, of=symbols, scope=scopes)
    def lock(self, of: list[int], scope: Scope) -> tuple[Lock, Lock]:
        key = self.key(of)
        ours, theirs = self.tree.lock(key, scope), self.naive.lock(key, scope)
        assert ours.length == theirs.length
        return ours, theirs

    @rule(locks=consumes(locks))
    def unlock(self, locks: tuple[Lock, Lock]) -> None:
        self.tree.unlock(locks[0], self.now)
        self.naive.unlock(locks[1], self.now)

    @rule(of=symbols, scope=scopes)
    def pin(self, of: list[int], scope: Scope) -> None:
        self.same(lambda index: index.pin(self.key(of), scope))

    @rule(of=symbols, scope=scopes)
    def unpin(self, of: list[int], scope: Scope) -> None:
        self.same(lambda index: index.unpin(self.key(of), scope, self.now))

    @rule(of=symbols, scope=scopes, ttl=st.sampled_from([0.0, 1.0, 3.0, 9.0]))
    def lease(self, of: list[int], scope: Scope, ttl: float) -> None:
        until = self.now + ttl
        self.same(lambda index: index.lease(self.key(of), scope, until, self.now))

    @rule(scope=scopes)
    def break_lease(self, scope: Scope) -> None:
        self.same(lambda index: index.break_lease(scope, self.now))

    @rule(pages=st.integers(0, 8), scope=owners, break_leases=st.booleans())
    def evict(self, pages: int, scope: str | None, break_leases: bool) -> None:
        self.same(lambda index: index.break_lease(Scope("nobody"), self.now))  # tells the time
        evictable = self.tree.size_info(scope).evictable
        given, broken = self.same(lambda index: index.evict(pages, self.now, scope, break_leases))
        assert len(given) == min(pages, evictable) or broken
        self.give_back(given)

    @rule(scope=st.sampled_from(NAMES))
    def drop(self, scope: str) -> None:
        dropped = self.same(lambda index: sorted(index.drop(scope)))
        self.give_back(array("i", dropped))

    def give_back(self, slots: array[int]) -> None:
        """Each slot comes back once."""
        assert len(set(slots)) == len(slots)
        assert self.owned.issuperset(slots)
        self.owned.difference_update(slots)

    @invariant()
    def agree(self) -> None:
        self.tree.check_integrity()
        self.naive.check_integrity()
        for scope in (None, *NAMES):
            # The twin's nodes are pages.
            self.same(lambda index: index.size_info(scope)._replace(nodes=0))  # noqa: B023
            self.same(lambda index: sorted(index.entries(scope)))  # noqa: B023
        assert self.tree.size_info().pages == len(self.owned)

    def teardown(self) -> None:
        self.same(lambda index: index.evict(10**6, self.now, None, True))
        self.tree.check_integrity()
        assert self.tree.size_info().evictable == 0


@pytest.mark.parametrize("policy", [LRU, LFU, FIFO])
@pytest.mark.parametrize("page", [1, 2, 4])
def test_tree_does_what_the_dictionary_of_pages_does(
    page: int, policy: Callable[[], Policy]
) -> None:
    machine = type("Machine", (Twins,), {"page": page, "policy": staticmethod(policy)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
