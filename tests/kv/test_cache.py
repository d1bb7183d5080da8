from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headstart.kv import KVCache, KVLayout
from headstart.kv.cache import Rows
from headstart.prefix import Scope

LAYOUT = KVLayout(1, 1, 2, "float32", (None,))
ROW = LAYOUT.token_bytes
A, B = Scope("a"), Scope("b")


def packed(*tokens: int) -> bytes:
    return array("I", tokens).tobytes()


def stamp(key: bytes, token: int, scope: Scope) -> bytes:
    """What a model would make of a token behind all before it: 16 bytes like no other."""
    prefix = key[: 4 * (token + 1)]
    return hashlib.blake2b(prefix, digest_size=ROW, key=scope.tenant.encode()).digest()


def filler(cache: KVCache, key: bytes, scope: Scope) -> Callable[[int, Rows], None]:
    def fill(first: int, rows: Rows) -> None:
        for number, row in enumerate(rows, first):
            cache.arena.buffer[row * ROW : (row + 1) * ROW] = stamp(key, number, scope)

    return fill


def store(cache: KVCache, key: bytes, scope: Scope, now: float = 0.0) -> int:
    return cache.store(key, scope, now, filler(cache, key, scope))


def held(cache: KVCache, key: bytes, scope: Scope, now: float = 0.0) -> int:
    """Tokens that a lookup finds, each checked to be the KV of exactly these tokens."""
    hit = cache.lookup(key, scope, now)
    assert len(hit.rows) == hit.tokens
    for number, row in enumerate(hit.rows):
        assert cache.arena.buffer[row * ROW : (row + 1) * ROW] == stamp(key, number, scope)
    return hit.tokens


def make(pages: int, page: int = 1, tenants: int = 1, headroom: int = 0) -> KVCache:
    size = ROW * page
    return KVCache(LAYOUT, pages * size, page, tenants, headroom=headroom * size)


# Against a twin that keeps every key ever stored


class CacheMachine(RuleBasedStateMachine):
    """Two tenants whose prompts share prefixes, in a cache that is too small for them."""

    PAGE = 1
    CAPACITY = 24

    def __init__(self) -> None:
        super().__init__()
        self.cache = make(self.CAPACITY, self.PAGE, tenants=2, headroom=4)
        self.floor = (self.CAPACITY - 4) // 2
        self.stored: dict[str, set[bytes]] = {"a": set(), "b": set()}
        self.reserved: list[int] = []
        self.now = 0.0

    scopes = st.sampled_from([A, B])

    def key(self, symbols: list[int], rest: int) -> bytes:
        """A page for each symbol, and the beginning of one more."""
        tokens = [s * 1000 + n for s in symbols for n in range(self.PAGE)]
        return packed(*tokens, *range(min(rest, self.PAGE - 1)))

    def pages(self) -> dict[str, int]:
        return {t: self.cache.index.size_info(t).pages for t in ("a", "b")}

    def checked(self, scope: Scope, action: Callable[[], object]) -> None:
        """The other tenant loses only what it borrowed."""
        other = "b" if scope.tenant == "a" else "a"
        before = self.pages()[other]
        action()
        assert self.pages()[other] >= min(before, self.floor)

    symbols = st.lists(st.integers(1, 3), max_size=10)

    @rule(symbols=symbols, rest=st.integers(0, 600), scope=scopes)
    def store(self, symbols: list[int], rest: int, scope: Scope) -> None:
        key = self.key(symbols, rest)
        self.now += 1

        def action() -> None:
            count = store(self.cache, key, scope, self.now)
            assert count <= len(key) // 4
            assert count % self.PAGE == 0
            assert held(self.cache, key, scope, self.now) == count
            self.stored[scope.tenant].add(key[: 4 * count])

        self.checked(scope, action)

    @rule(symbols=symbols, rest=st.integers(0, 600), scope=scopes)
    def lookup(self, symbols: list[int], rest: int, scope: Scope) -> None:
        key = self.key(symbols, rest)
        self.now += 1
        found = held(self.cache, key, scope, self.now)
        known = max((_common(key, k, self.PAGE) for k in self.stored[scope.tenant]), default=0)
        assert found <= known
        if not self.cache.stats().evicted_tokens:
            assert found == known

    @rule(size=st.integers(1, CAPACITY * ROW), scope=scopes)
    def reserve(self, size: int, scope: Scope) -> None:
        self.now += 1

        def action() -> None:
            before = self.cache.stats().evicted_tokens
            if self.cache.reserve(size * self.PAGE, scope, self.now):
                self.reserved.append(size * self.PAGE)
            else:
                assert self.cache.stats().evicted_tokens == before, "evicted in vain"

        self.checked(scope, action)

    @precondition(lambda self: self.reserved)
    @rule()
    def release(self) -> None:
        self.cache.release(self.reserved.pop())

    @rule(symbols=symbols, scope=scopes, ttl=st.integers(1, 30))
    def lease(self, symbols: list[int], scope: Scope, ttl: int) -> None:
        self.now += 1
        self.cache.lease(self.key(symbols, 0), scope, ttl, self.now)

    @invariant()
    def leases_stay_within_half_the_share(self) -> None:
        for tenant in ("a", "b"):
            assert self.cache.index.size_info(tenant).leased <= self.floor // 2

    @invariant()
    def budget_holds(self) -> None:
        stats = self.cache.stats()
        assert stats.running_bytes == sum(self.reserved)
        assert stats.cached_bytes + stats.running_bytes <= stats.capacity_bytes
        assert self.cache.arena.resident_bytes <= stats.capacity_bytes

    @invariant()
    def no_page_is_lost(self) -> None:
        assert self.cache.index.size_info().pages == self.cache.arena.used
        assert self.cache.index.size_info().locked == 0
        self.cache.index.check_integrity()


def _common(a: bytes, b: bytes, page: int) -> int:
    """Tokens in common, in whole pages."""
    count = 0
    while a[: 4 * page * (count + 1)] == b[: 4 * page * (count + 1)] and (
        4 * page * (count + 1) <= min(len(a), len(b))
    ):
        count += 1
    return count * page


class Page4Machine(CacheMachine):
    PAGE = 4


class Page512Machine(CacheMachine):
    PAGE = 512


TestPage1 = CacheMachine.TestCase
TestPage1.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestPage4 = Page4Machine.TestCase
TestPage4.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestPage512 = Page512Machine.TestCase
TestPage512.settings = settings(max_examples=4, stateful_step_count=20, deadline=None)


# One thing each


@pytest.mark.parametrize("page", [1, 4, 512])
def test_only_whole_pages_are_held(page: int) -> None:
    cache = make(8, page)
    key = packed(*range(3 * page + page // 2))
    assert store(cache, key, A) == 3 * page
    assert held(cache, key, A) == 3 * page
    assert held(cache, key[: 4 * (2 * page)], A) == 2 * page
    assert held(cache, packed(*range(page), *[9] * page), A) == page


def test_tenants_never_see_each_other() -> None:
    cache = make(8)
    key = packed(1, 2, 3)
    store(cache, key, A)
    assert held(cache, key, B) == 0
    assert store(cache, key, B) == 3
    assert cache.stats().cached_tokens == 6
    assert held(cache, key, B) == held(cache, key, A) == 3


def test_extending_a_prefix_stores_only_what_is_new() -> None:
    cache = make(16)
    store(cache, packed(1, 2, 3), A)
    firsts: list[tuple[int, int]] = []
    key = packed(1, 2, 3, 4, 5)
    cache.store(key, A, 1.0, lambda first, rows: firsts.append((first, len(rows))))
    assert firsts == [(3, 2)]


def test_making_room_never_evicts_the_prefix_that_is_extended() -> None:
    cache = make(6)
    key = packed(1, 2, 3, 4, 5, 6, 7, 8)
    store(cache, key[:16], A, 1.0)
    store(cache, packed(9, 9), A, 2.0)
    assert store(cache, key, A, 3.0) == 6
    assert held(cache, key, A, 4.0) == 6
    assert held(cache, packed(9, 9), A, 4.0) == 0


def test_the_least_recently_used_goes_first() -> None:
    cache = make(6)
    old, new = packed(1, 1, 1), packed(2, 2, 2)
    store(cache, old, A, 1.0)
    store(cache, new, A, 2.0)
    held(cache, old, A, 3.0)
    store(cache, packed(3, 3, 3), A, 4.0)
    assert held(cache, old, A, 5.0) == 3
    assert held(cache, new, A, 5.0) == 0
    assert cache.stats().evicted_tokens == 3


def test_a_tenant_borrows_what_others_leave_free_and_gives_it_back() -> None:
    cache = make(20, tenants=2)
    store(cache, packed(*range(100, 120)), A, 1.0)
    assert cache.index.size_info("a").pages == 20
    for turn in range(5):
        store(cache, packed(turn, turn), B, 2.0 + turn)
    assert cache.index.size_info("b").pages == 10, "b evicted its own while a was above"
    assert cache.index.size_info("a").pages == 10
    store(cache, packed(7, 7, 7), B, 10.0)
    assert cache.index.size_info("a").pages == 10, "a lost pages of its floor"
    assert held(cache, packed(0, 0), B, 11.0) == 0


def test_the_furthest_above_its_floor_gives_first() -> None:
    cache = make(30, tenants=3)
    store(cache, packed(*range(100, 112)), A, 1.0)
    store(cache, packed(*range(200, 218)), B, 2.0)
    store(cache, packed(*range(300, 304)), Scope("c"), 3.0)
    assert cache.index.size_info("a").pages == 12
    assert cache.index.size_info("b").pages == 14


def test_a_lease_survives_eviction_and_ends() -> None:
    cache = make(20)
    leased = packed(1, 2, 3, 4)
    store(cache, leased, A, 1.0)
    assert cache.lease(leased, A, ttl=100, now=1.0) == 4
    for turn in range(10):
        store(cache, packed(*[50 + turn] * 6), A, 2.0 + turn)
    assert held(cache, leased, A, 50.0) == 4
    assert cache.stats().leases_broken == 0
    for turn in range(10):
        store(cache, packed(*[70 + turn] * 6), A, 102.0 + turn)
    assert held(cache, leased, A, 120.0) == 0


def test_leases_beyond_half_of_the_share_are_broken_soonest_first() -> None:
    cache = make(20)
    soon, late, later = packed(*[1] * 4), packed(*[2] * 4), packed(*[3] * 4)
    for key, ttl in ((late, 200), (soon, 100), (later, 300)):
        store(cache, key, A, 1.0)
        cache.lease(key, A, ttl, now=1.0)
    assert cache.stats().leases_broken == 1
    assert cache.index.size_info("a").leased == 8
    store(cache, packed(*range(100, 112)), A, 2.0)
    assert [held(cache, key, A, 3.0) for key in (soon, late, later)] == [0, 4, 4]


def test_half_of_a_share_is_half_of_the_floor() -> None:
    cache = make(44, tenants=2, headroom=4)
    key = packed(*range(11))
    store(cache, key, A, 1.0)
    assert cache.lease(key[:40], A, 60, now=1.0) == 10
    assert cache.stats().leases_broken == 0
    cache.lease(key, A, 60, now=1.0)
    assert cache.stats().leases_broken > 0
    assert cache.index.size_info("a").leased <= 10


def test_what_runs_comes_before_leases() -> None:
    cache = make(10)
    key = packed(1, 2, 3, 4, 5)
    store(cache, key, A, 1.0)
    cache.lease(key, A, 1000, now=1.0)
    assert cache.reserve(10 * ROW, A, 2.0)
    assert cache.stats().cached_tokens == 0
    assert cache.stats().leases_broken == 1


def test_ordinary_entries_go_before_leases_for_what_runs() -> None:
    cache = make(10)
    leased, plain = packed(1, 2, 3, 4, 5), packed(6, 7, 8, 9)
    store(cache, leased, A, 1.0)
    cache.lease(leased, A, 1000, now=1.0)
    store(cache, plain, A, 2.0)
    assert cache.reserve(5 * ROW, A, 3.0)
    assert held(cache, leased, A, 4.0) == 5
    assert held(cache, plain, A, 4.0) == 0


def test_a_reservation_that_cannot_be_had_evicts_nothing() -> None:
    cache = make(10)
    key = packed(1, 2, 3)
    assert cache.reserve(6 * ROW, A, 0.0)
    store(cache, key, A, 1.0)
    assert not cache.reserve(5 * ROW, A, 2.0)
    assert held(cache, key, A, 3.0) == 3
    cache.release(6 * ROW)
    assert cache.reserve(5 * ROW, A, 4.0)


def test_running_requests_of_one_tenant_do_not_take_the_floor_of_another() -> None:
    cache = make(20, tenants=2, headroom=4)
    store(cache, packed(*range(8)), A, 1.0)
    assert not cache.reserve(13 * ROW, B, 2.0)
    assert cache.reserve(12 * ROW, B, 2.0)
    assert held(cache, packed(*range(8)), A, 3.0) == 8


def test_what_one_request_can_get_whatever_others_hold() -> None:
    cache = make(20, tenants=2, headroom=4)
    assert cache.runnable_bytes == 12 * ROW
    store(cache, packed(*range(20)), A, 1.0)
    assert cache.reserve(cache.runnable_bytes, B, 2.0)


def test_a_fill_that_fails_loses_no_page_and_leaves_no_entry() -> None:
    cache = make(8)

    def fail(first: int, rows: Rows) -> None:
        raise RuntimeError("device lost")

    with pytest.raises(RuntimeError, match="device lost"):
        cache.store(packed(1, 2, 3), A, 1.0, fail)
    assert cache.stats().cached_tokens == 0
    assert held(cache, packed(1, 2, 3), A, 2.0) == 0
    assert store(cache, packed(*range(8)), A, 3.0) == 8


def test_a_cache_full_of_others_floors_stores_what_it_can() -> None:
    cache = make(10)
    assert cache.reserve(7 * ROW, A, 0.0)
    assert store(cache, packed(*range(5)), A, 1.0) == 3
    assert held(cache, packed(*range(5)), A, 2.0) == 3


def test_what_is_being_read_cannot_be_evicted_meanwhile() -> None:
    cache = make(8)
    key = packed(*range(8))
    store(cache, key, A, 1.0)
    seen: list[list[bytes]] = []

    def load(rows: Rows) -> None:
        assert not cache.reserve(4 * ROW, A, 2.0)
        assert store(cache, packed(50, 51), A, 3.0) == 0
        seen.append([cache.arena.buffer[r * ROW : (r + 1) * ROW] for r in rows])

    assert cache.read(key, A, 2.0, 5, load) == 8
    assert seen == [[stamp(key, token, A) for token in (5, 6, 7)]]
    assert cache.read(key, A, 4.0, 8, load) == 8
    assert len(seen) == 1
    assert cache.reserve(4 * ROW, A, 5.0)
