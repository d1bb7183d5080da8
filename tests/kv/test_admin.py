"""The operator's view of a cache, on real memory and a real disk tier; no model."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headstart.kv import KVCache
from headstart.kv.admin import AmbiguousId, CacheAdmin, CacheEntry, UnknownPrefix, UnknownTenant
from headstart.kv.keyring import Keyring
from headstart.kv.store import TieredStore
from headstart.kv.tiered import TieredCache
from headstart.kv.tiers.contract import PinBudgetExceeded
from headstart.kv.tiers.disk import DiskTier
from headstart.kv.vault import DirectoryVault
from headstart.prefix import Scope
from tests.kv.tiers.support import FINGERPRINT, tokens

TOKEN = FINGERPRINT.layout.token_bytes
PAGE = FINGERPRINT.page_tokens
ACME, BETA = Scope("acme", "_operator"), Scope("beta", "_operator")
OPERATOR = Scope("_operator")


class Bench:
    """A cache of 256 tokens; with a directory also a disk tier below it."""

    def __init__(self, root: Path | None = None, limit: int = 1 << 20, room: int = 256) -> None:
        self.cache = KVCache(FINGERPRINT.layout, room * TOKEN)
        self.tiers = None
        if root:
            disk, vault = DiskTier(root, limit), DirectoryVault(root / "keyring")
            self.store = TieredStore([disk], Keyring([vault]), FINGERPRINT)
            self.tiers = TieredCache(self.cache, self.store, PAGE)
        self.admin = CacheAdmin(self.cache, self.tiers, "tiny", context=16)

    def put(self, pages: int, scope: Scope = ACME, seed: int = 0, extra: int = 0) -> bytes:
        """Hold a prefix in memory, and see it written."""
        key = tokens(pages, seed, extra)
        assert self.cache.store(key, scope, time.time(), lambda first, rows: None) * 4 == len(key)
        if self.tiers:
            self.tiers.save(key, scope)
            assert self.tiers.flush(30)
        return key

    def only(self, tenant: str = "") -> CacheEntry:
        (entry,) = self.admin.entries(tenant)
        return entry


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench() -> Iterator[MakeBench]:
    made: list[Bench] = []

    def make(root: Path | None = None, **sizes: int) -> Bench:
        made.append(Bench(root, **sizes))
        return made[-1]

    yield make
    for one in made:
        if one.tiers:
            one.tiers.close()


def test_memory_and_disk_are_one_entry(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path)
    key = at.put(3, extra=2)
    entry = at.only()
    assert entry.tiers == ("memory", "disk")
    assert (entry.tenant, entry.model, entry.tokens) == ("acme", "tiny", 3 * PAGE + 2)
    assert entry.bytes >= (3 * PAGE + 2) * TOKEN
    assert time.time() - entry.used < 60
    assert entry.id == at.store.prefix(key, ACME).keys[-1].name
    assert at.admin.show(entry.id[:8]) == entry


def test_the_id_outlives_memory_and_process(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.put(3)
    name = at.only().id
    at.cache.forget("acme")
    assert (at.only().id, at.only().tiers) == (name, ("disk",))
    at.tiers.close()
    again = bench(tmp_path)
    assert (again.only().id, again.only().tenant, again.only().tokens) == (name, "acme", 12)


def test_a_start_that_is_part_of_a_longer_stored_prefix(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path)
    key = at.put(4)
    at.cache.forget("acme")
    at.cache.store(key[: 2 * PAGE * 4], ACME, time.time(), lambda first, rows: None)
    tiers = {entry.tokens: entry.tiers for entry in at.admin.entries()}
    assert tiers == {2 * PAGE: ("memory", "disk"), 4 * PAGE: ("disk",)}


def test_short_prefixes_and_those_without_tiers_have_ids_too(
    bench: MakeBench, tmp_path: Path
) -> None:
    for at in (bench(), bench(tmp_path)):
        at.put(0, extra=3)
        at.put(0, scope=BETA, extra=3)
        first, second = at.admin.entries()
        assert first.id != second.id
        assert {first.tiers, second.tiers} == {("memory",)}


def test_no_tokens_are_told(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path)
    key = at.put(3)
    assert key[:8].hex() not in repr(at.admin.entries())
    assert repr(array("I", key)[1:4].tolist())[1:-1] not in repr(at.admin.entries())


def test_tenants_and_models_narrow_the_list(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.put(2)
    at.put(2, BETA)
    assert len(at.admin.entries()) == 2
    assert at.only("beta").tenant == "beta"
    assert len(at.admin.entries(model="tiny")) == 2
    assert not at.admin.entries(model="00" * 16)
    assert not at.admin.entries("nobody")


def test_a_pin_keeps_a_prefix_in_memory_until_it_is_taken_back(bench: MakeBench) -> None:
    at = bench()
    key = at.put(5)
    name = at.only().id
    assert at.admin.pin(name).tiers == ("memory",)
    for seed in range(1, 40):
        at.put(5, seed=seed)
    assert at.cache.peek(key, ACME) == 20
    assert at.admin.show(name).pinned
    assert at.admin.unpin(name).tokens == 20
    assert at.admin.unpin(name).tokens == 0
    for seed in range(40, 80):
        at.put(5, seed=seed)
    assert at.cache.peek(key, ACME) == 0


def test_memory_refuses_pins_beyond_half_of_it(bench: MakeBench) -> None:
    at = bench()
    at.put(25, seed=1)
    at.admin.pin(at.only().id)
    at.put(10, seed=2)
    (loose,) = (entry for entry in at.admin.entries() if not entry.pinned)
    with pytest.raises(PinBudgetExceeded) as refused:
        at.admin.pin(loose.id)
    assert (refused.value.wanted, refused.value.budget) == (140 * TOKEN, 128 * TOKEN)
    assert not at.admin.show(loose.id).pinned
    assert at.cache.pinned_bytes() == 100 * TOKEN


def test_pins_in_memory_leave_room_for_the_longest_request(bench: MakeBench) -> None:
    at = bench(room=40)
    at.admin = CacheAdmin(at.cache, None, "tiny", context=36)
    at.put(2)
    with pytest.raises(PinBudgetExceeded):
        at.admin.pin(at.only().id)


def test_a_pin_in_a_tier_survives_a_restart(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path)
    key = at.put(3)
    assert at.admin.pin_tokens(key, ACME).tiers == ("memory", "disk")
    at.tiers.close()
    again = bench(tmp_path)
    assert again.only().pinned
    assert again.admin.unpin(again.only().id).tokens == 3 * PAGE
    assert not again.only().pinned


def test_a_lease_is_listed_wherever_it_is(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path)
    key, until = at.put(3), time.time() + 900
    at.tiers.lease(key, ACME, until)
    assert at.tiers.flush(30)
    assert at.only().leased_until == pytest.approx(until)
    at.tiers.close()
    assert bench(tmp_path).only().leased_until == pytest.approx(until)


def test_where_a_tier_refuses_nothing_is_pinned(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path, limit=2000)
    at.put(4)
    with pytest.raises(PinBudgetExceeded):
        at.admin.pin(at.only().id)
    assert not at.only().pinned
    assert at.cache.pinned_bytes() == 0


def test_a_tier_may_pin_more_than_memory_could(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path, room=40)
    at.put(7)
    assert at.admin.pin(at.only().id).tiers == ("disk",)
    assert at.only().pinned


def test_evicting_takes_what_nobody_else_needs(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path)
    start = tokens(2)
    for tail in (b"\1\0\0\0", b"\2\0\0\0"):
        key = start + tail * PAGE * 2
        at.cache.store(key, ACME, time.time(), lambda first, rows: None)
        at.tiers.save(key, ACME)
    assert at.tiers.flush(30)
    first, second = at.admin.entries()
    gone = at.admin.evict(first.id)
    assert (gone.tokens, set(gone.tiers)) == (2 * PAGE, {"memory", "disk"})
    assert at.only().id == second.id
    assert at.cache.stats().cached_tokens == 4 * PAGE
    assert at.admin.evict(second.id).tokens == 4 * PAGE
    assert at.admin.entries() == []
    assert at.admin.stats()["tiers"]["disk"]["objects"] == 0


def test_evicting_below_a_shared_prefix_leaves_it(bench: MakeBench) -> None:
    at = bench()
    at.put(2, OPERATOR)
    at.put(4, ACME)
    entry = at.only("acme")
    assert at.admin.pin(entry.id).tokens == 4 * PAGE
    assert at.admin.unpin(entry.id).tokens == 4 * PAGE
    assert at.admin.evict(entry.id).tokens == 2 * PAGE
    assert at.only().tenant == "_operator"


def test_evicting_all_of_a_tenant_or_a_model(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.put(2)
    at.put(2, BETA)
    at.admin.pin(at.only("acme").id)
    assert at.admin.evict_all(tenant="acme").tokens == 2 * PAGE
    assert at.only().tenant == "beta"
    assert at.admin.evict_all(model="tiny").tokens == 2 * PAGE
    assert at.admin.entries() == []
    with pytest.raises(UnknownTenant):
        at.admin.evict_all(tenant="nobody")
    with pytest.raises(ValueError, match="tenant or a model"):
        at.admin.evict_all()


def test_forgetting_a_tenant_changes_its_keys_and_drops_its_pages(
    bench: MakeBench, tmp_path: Path
) -> None:
    at = bench(tmp_path)
    key = at.put(3)
    at.put(3, BETA)
    before = at.store.prefix(key, ACME).keys
    done = at.admin.forget("acme")
    assert (done.everywhere, done.seconds) == (True, at.store.keyring.propagation)
    assert at.only().tenant == "beta"
    after = at.store.prefix(key, ACME).keys
    assert {k.scope for k in before}.isdisjoint({k.scope for k in after})
    assert {k.name for k in before}.isdisjoint({k.name for k in after})
    assert at.store.flush(30)
    assert at.store.tiers[0].has(before) == 0
    with pytest.raises(UnknownTenant):
        at.admin.forget("nobody")


def test_forgetting_without_tiers(bench: MakeBench) -> None:
    at = bench()
    at.put(3)
    assert at.admin.forget("acme").everywhere
    assert at.admin.entries() == []


def test_pages_on_their_way_up_while_their_tenant_is_forgotten_are_not_read(
    bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = bench(tmp_path)
    key = at.put(3)
    at.cache.forget("acme")
    load = at.store.load

    def load_then_forget(*arguments: object) -> object:
        loaded = load(*arguments)  # type: ignore[arg-type]
        assert at.cache.peek(key, ACME) == 12
        # The keys go last: the drop that goes with it came before the pages.
        at.store.keyring._callbacks.clear()
        at.store.keyring.forget("acme")
        return loaded

    monkeypatch.setattr(at.store, "load", load_then_forget)
    assert at.tiers._fetch(key, ACME) == 0
    assert at.cache.peek(key, ACME) == 0


def test_unknown_and_ambiguous_ids(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    at = bench()
    at.put(2)
    at.put(2, BETA)
    name = at.admin.entries()[0].id
    for wrong in ("", name[:7], "f" * 40, "not hex at all"):
        with pytest.raises(UnknownPrefix):
            at.admin.show(wrong)
    monkeypatch.setattr(at.admin, "_name", lambda entry: f"00000000{entry.scope}")
    with pytest.raises(AmbiguousId):
        at.admin.evict("00000000")


def test_stats_have_every_tier(bench: MakeBench, tmp_path: Path) -> None:
    assert bench().admin.stats()["tiers"] == {}
    at = bench(tmp_path)
    at.put(3)
    at.admin.pin(at.only().id)
    stats = at.admin.stats()
    assert stats["memory"]["pinned_bytes"] == 12 * TOKEN
    assert stats["memory"]["pin_budget_bytes"] == 128 * TOKEN
    assert stats["tiers"]["disk"]["objects"] == 3
    assert stats["tiers"]["disk"]["pinned_bytes"] > 0
    assert stats["store"]["offered"] == 3
