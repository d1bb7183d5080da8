"""Every tier against a naive twin, and against each other: they must decide the same."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from headstart.kv.tiers import PageKey, PinBudgetExceeded, Selection, Tier
from headstart.kv.tiers.contract import RETAIN_SHARE, ROOT
from headstart.kv.tiers.disk import DiskTier
from headstart.kv.tiers.memory import MemoryTier
from tests.kv.tiers.support import line

LIMIT = 1000
SIZE = 100
BRANCHES = st.integers(0, 2)
DEPTHS = st.integers(1, 5)
SCOPES = st.integers(0, 1)
Quota = tuple[int | None, bool]
Make = Callable[[int, int | None, bool, Callable[[], float]], Tier]


@dataclass
class Page:
    key: PageKey
    data: bytes
    used: int
    hits: int = 0
    lease: float = 0.0
    pinned: bool = False


@dataclass
class Twin:
    """The contract written down as plainly as possible: lists, no indexes."""

    floor: int | None
    strict: bool
    pages: dict[str, Page] = field(default_factory=dict)
    uses: int = 0

    def held(self, scope: str | None = None) -> int:
        return sum(len(p.data) for p in self.pages.values() if scope in (None, p.key.scope))

    def use(self) -> int:
        self.uses += 1
        return self.uses

    def put(self, key: PageKey, data: bytes, now: float) -> bool:
        if key.name in self.pages:
            return True
        before = dict(self.pages)
        while among := self.crowded(key.scope, len(data)):
            for scope in among:
                if victims := self.victims(scope, key, now):
                    del self.pages[min(victims, key=lambda p: p.used).key.name]
                    break
            else:
                self.pages = before
                return False
        self.pages[key.name] = Page(key, data, self.use())
        return True

    def crowded(self, scope: str, size: int) -> list[str | None]:
        if self.floor is not None and self.strict and self.held(scope) + size > self.floor:
            return [scope]
        if self.held() + size <= LIMIT:
            return []
        if self.floor is None:
            return [None]
        sizes = {p.key.scope: self.held(p.key.scope) for p in self.pages.values()}
        sizes[scope] = sizes.get(scope, 0) + size
        over = [name for name in sizes if sizes[name] > self.floor]
        return [*sorted(over, key=lambda name: (-sizes[name], name)), scope]

    def victims(self, scope: str | None, key: PageKey, now: float) -> list[Page]:
        parents = {p.key.parent for p in self.pages.values()}
        return [
            p
            for p in self.pages.values()
            if scope in (None, p.key.scope)
            and p.key.name not in (key.parent, *parents)
            and not p.pinned
            and p.lease <= now
        ]

    def lease(self, keys: list[PageKey], until: float, now: float) -> int:
        found = [self.pages[k.name] for k in keys if k.name in self.pages]
        for page in found:
            page.lease = max(page.lease, until)
        pinned = sum(len(p.data) for p in self.pages.values() if p.pinned)
        while True:
            leased = [p for p in self.pages.values() if p.lease > now and not p.pinned]
            if sum(len(p.data) for p in leased) <= (LIMIT - pinned) * RETAIN_SHARE:
                return len(found)
            soonest = min(leased, key=lambda p: (p.lease, -p.key.page, p.key.name))
            soonest.lease = 0.0

    def pin(self, keys: list[PageKey]) -> int:
        found = [self.pages[k.name] for k in keys if k.name in self.pages]
        after = {p.key.name for p in self.pages.values() if p.pinned} | {p.key.name for p in found}
        added = any(not p.pinned for p in found)
        if added and sum(len(self.pages[n].data) for n in after) > LIMIT * RETAIN_SHARE:
            raise PinBudgetExceeded(0, 0)
        for page in found:
            page.pinned = True
        return len(found)


class TierMachine(RuleBasedStateMachine):
    """Drives a tier and its twin; ``make`` is set by the tests."""

    make: ClassVar[Make]
    forgets_recency: ClassVar[bool] = False

    @initialize(
        quota=st.sampled_from([(None, False), (400, False), (400, True)]),
    )
    def begin(self, quota: Quota) -> None:
        self.now = 1000.0
        self.twin = Twin(*quota)
        self.tier = type(self).make(LIMIT, *quota, lambda: self.now)
        self.twin_evictions = 0

    @rule(branch=BRANCHES, depth=DEPTHS, scope=SCOPES, extra=st.integers(0, 60))
    def put(self, branch: int, depth: int, scope: int, extra: int) -> None:
        for key in line(depth, branch, scope):
            data = (key.name * 4).encode()[: SIZE + extra]
            assert self.tier.put(key, [data[:30], memoryview(data)[30:]]) == self.twin.put(
                key, data, self.now
            )

    @rule(branch=BRANCHES, depth=DEPTHS, scope=SCOPES)
    def get(self, branch: int, depth: int, scope: int) -> None:
        key = line(depth, branch, scope)[-1]
        page = self.twin.pages.get(key.name)
        data = self.tier.get(key)
        assert (bytes(data) if data is not None else None) == (page.data if page else None)
        into = bytearray(len(page.data) if page else 7)
        seen = bytearray()
        pieces = [memoryview(into)[:3], memoryview(into)[3:]]
        assert self.tier.read(key, pieces, seen.extend) == (len(page.data) if page else None)
        if page:
            assert into == seen == page.data

    @rule(branch=BRANCHES, depth=DEPTHS, scope=SCOPES)
    def touch(self, branch: int, depth: int, scope: int) -> None:
        keys = line(depth, branch, scope)
        self.tier.touch(keys, self.now)
        for key in reversed(keys):
            if page := self.twin.pages.get(key.name):
                page.used = self.twin.use()
                page.hits += 1

    @rule(branch=BRANCHES, depth=DEPTHS, scope=SCOPES, damaged=st.booleans())
    def delete(self, branch: int, depth: int, scope: int, damaged: bool) -> None:
        key = line(depth, branch, scope)[-1]
        self.tier.delete(key, damaged)
        self.twin.pages.pop(key.name, None)

    @rule(branch=BRANCHES, depth=DEPTHS, scope=SCOPES, ttl=st.integers(0, 300))
    def lease(self, branch: int, depth: int, scope: int, ttl: int) -> None:
        keys = line(depth, branch, scope)
        until = self.now + ttl
        assert self.tier.lease(keys, until, self.now) == self.twin.lease(keys, until, self.now)

    @rule(branch=BRANCHES, depth=DEPTHS, scope=SCOPES)
    def pin(self, branch: int, depth: int, scope: int) -> None:
        keys = line(depth, branch, scope)
        try:
            expected = self.twin.pin(keys)
        except PinBudgetExceeded:
            with pytest.raises(PinBudgetExceeded):
                self.tier.pin(keys)
        else:
            assert self.tier.pin(keys) == expected

    @rule(branch=BRANCHES, depth=DEPTHS, scope=SCOPES)
    def unpin(self, branch: int, depth: int, scope: int) -> None:
        keys = line(depth, branch, scope)
        found = [p for k in keys if (p := self.twin.pages.get(k.name)) and p.pinned]
        assert self.tier.unpin(keys) == len(found)
        for page in found:
            page.pinned = False

    @rule(scope=SCOPES)
    def drop_scope(self, scope: int) -> None:
        name = f"{scope:032x}"
        gone = [n for n, p in self.twin.pages.items() if p.key.scope == name]
        assert self.tier.drop(Selection(scope=name)) == len(gone)
        for page in gone:
            del self.twin.pages[page]

    @rule(branch=BRANCHES, depth=DEPTHS, scope=SCOPES)
    def drop_below(self, branch: int, depth: int, scope: int) -> None:
        key = line(depth, branch, scope)[-1]
        gone: list[str] = []
        names = [key.name]
        while names:
            name = names.pop()
            gone += [name] if name in self.twin.pages else []
            names += [n for n, p in self.twin.pages.items() if p.key.parent == name]
        assert self.tier.drop(Selection(name=key.name)) == len(gone)
        for page in gone:
            del self.twin.pages[page]

    @rule(seconds=st.integers(-100, 300))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    @rule(branch=BRANCHES, scope=SCOPES)
    def has(self, branch: int, scope: int) -> None:
        keys = line(6, branch, scope)
        present = next((i for i, k in enumerate(keys) if k.name not in self.twin.pages), len(keys))
        assert self.tier.has(keys) == present

    @invariant()
    def agree(self) -> None:
        found = {
            e.key: (e.size, e.hits, max(e.leased_until, self.now), e.pinned)
            for e in self.tier.entries()
        }
        assert found == {
            p.key: (len(p.data), p.hits, max(p.lease, self.now), p.pinned)
            for p in self.twin.pages.values()
        }
        stats = self.tier.stats()
        assert stats.stored_bytes == self.twin.held() <= stats.limit_bytes == LIMIT
        assert stats.objects == len(found)
        assert stats.errors == 0
        assert stats.pinned_bytes == sum(size for size, _, _, pinned in found.values() if pinned)

    @invariant()
    def prefixes_lose_their_tails_first(self) -> None:
        # Deleting and dropping may leave holes; eviction alone never does: the twin that
        # agreed above evicts leaves only.
        assert all(p.key.parent == ROOT or p.key.page for p in self.twin.pages.values())


def machine(make: Make) -> type[TierMachine]:
    class Machine(TierMachine):
        pass

    Machine.make = staticmethod(make)  # type: ignore[assignment]
    return Machine


def run(make: Make, examples: int, steps: int) -> None:
    found: Any = machine(make)
    found.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        # Shrinking a failure that needs a server takes minutes.
        phases=(Phase.generate,),
    )
    found.TestCase().runTest()


def test_memory() -> None:
    run(MemoryTier, examples=150, steps=40)


def test_disk(tmp_path: Path) -> None:
    def make(limit: int, floor: int | None, strict: bool, clock: Callable[[], float]) -> Tier:
        # What quarantine may hold comes off the limit.
        tier = DiskTier(tmp_path / secrets.token_hex(4), limit, floor, strict, clock)
        tier.quota = tier.quota._replace(limit=limit)
        return tier

    run(make, examples=25, steps=30)


def test_valkey(valkey_base: str) -> None:
    from headstart.kv.tiers import valkey

    client = valkey.connect(valkey_base)

    def make(limit: int, floor: int | None, strict: bool, clock: Callable[[], float]) -> Tier:
        space = "{" + secrets.token_hex(4) + "}"
        return valkey.ValkeyTier(client, limit, floor, strict, clock, space)

    run(make, examples=25, steps=30)


def test_s3(s3_base: str) -> None:
    from headstart.kv.tiers.s3 import S3Tier
    from headstart.kv.tiers.s3_bucket import connect

    tiers: list[Tier] = []

    def make(limit: int, floor: int | None, strict: bool, clock: Callable[[], float]) -> Tier:
        if tiers:
            tiers.pop().close()
        store = connect(s3_base.replace("/base", f"/{secrets.token_hex(4)}"))
        tiers.append(S3Tier(store, limit, floor, strict, clock))
        return tiers[0]

    run(make, examples=4, steps=12)
    tiers.pop().close()
