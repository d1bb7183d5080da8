"""What the operator does to a cache, on real memory and a real disk tier; no model."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from headstart.kv.admin import CacheAdmin, UnknownTenant
from headstart.kv.tiers.contract import PinBudgetExceeded
from tests.kv.bench import ACME, BETA, OPERATOR, PAGE, TOKEN, MakeBench
from tests.kv.tiers.support import tokens


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
