"""What the operator sees of a cache, on real memory and a real disk tier; no model."""

from __future__ import annotations

import time
from array import array
from pathlib import Path

import pytest

from headstart.kv.inventory import AmbiguousId, Inventory, UnknownPrefix
from tests.kv.bench import ACME, BETA, PAGE, TOKEN, MakeBench


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


def test_a_lease_is_listed_wherever_it_is(bench: MakeBench, tmp_path: Path) -> None:
    at = bench(tmp_path)
    key, until = at.put(3), time.time() + 900
    at.tiers.lease(key, ACME, until)
    assert at.tiers.flush(30)
    assert at.only().leased_until == pytest.approx(until)
    at.tiers.close()
    assert bench(tmp_path).only().leased_until == pytest.approx(until)


def test_unknown_and_ambiguous_ids(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    at = bench()
    at.put(2)
    at.put(2, BETA)
    name = at.admin.entries()[0].id
    for wrong in ("", name[:7], "f" * 40, "not hex at all"):
        with pytest.raises(UnknownPrefix):
            at.admin.show(wrong)
    monkeypatch.setattr(Inventory, "_name", lambda self, entry: f"00000000{entry.scope}")
    with pytest.raises(AmbiguousId):
        at.admin.evict("00000000")
