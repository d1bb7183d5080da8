from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.kv.keyring import Keyring
from headstart.kv.open import open_store
from headstart.kv.pages import Prefix
from headstart.kv.seal import MasterKey
from headstart.kv.store import TieredStore
from headstart.kv.tiers import PinBudgetExceeded, Selection
from headstart.kv.tiers.memory import MemoryTier
from headstart.kv.tiers.remote import Guard
from headstart.prefix import Scope
from tests.kv.tiers.support import (
    ACME,
    FINGERPRINT,
    Collector,
    fill,
    load,
    page_files,
    payload,
    tokens,
)

MASTER = MasterKey(b"m" * 32)
OTHER = Scope("other")
Open = Callable[..., TieredStore]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    stores: list[TieredStore] = []

    def make(size: str = "1M", master: MasterKey | None = None, **options: object) -> TieredStore:
        disk = f"{tmp_path}:{size}"
        stores.append(open_store(FINGERPRINT, disk=disk, master=master, **options))  # type: ignore[arg-type]
        return stores[-1]

    yield make
    for store in stores:
        store.close()


SEALS = pytest.mark.parametrize("master", [None, MASTER], ids=["plain", "sealed"])


class Far(MemoryTier):
    """A remote tier that is near at hand."""

    name = "far"
    local = False


@SEALS
def test_a_prefix_comes_back_after_a_restart(opened: Open, master: MasterKey | None) -> None:
    store = opened(master=master)
    assert load(store, 5) == 0
    fill(store, 5)
    assert load(store, 5) == 5
    store.close()
    again = opened(master=master)
    assert load(again, 5) == 5
    assert load(again, 8) == 5
    assert load(again, 5, seed=1) == 0


def test_pages_are_read_into_pieces_from_any_page_on(opened: Open) -> None:
    store = opened(master=MASTER)
    fill(store, 6)
    located = store.probe(store.prefix(tokens(6), ACME), first=2)
    assert (located.first, located.stop) == (2, 6)
    sink = Collector(pieces=8, most=5)
    assert store.load(located, sink).pages == 3
    assert sink.pages == {page: payload(0, page) for page in (2, 3, 4)}


def test_partial_pages_have_no_name(opened: Open) -> None:
    store = opened()
    assert store.prefix(tokens(0, extra=3), ACME).pages == 0
    assert store.prefix(tokens(2, extra=3), ACME).pages == 2
    empty = store.prefix(b"", ACME)
    assert store.wanted(empty) == range(0)
    assert store.load(store.probe(empty), Collector()).pages == 0


def test_only_what_is_missing_is_wanted(opened: Open) -> None:
    store = opened()
    prefix = store.prefix(tokens(6), ACME)
    assert store.wanted(prefix) == range(6)
    fill(store, 4)
    assert store.wanted(prefix) == range(4, 6)
    fill(store, 6)
    assert store.wanted(prefix) == range(6, 6)


def test_tenants_and_salts_share_nothing(opened: Open) -> None:
    store = opened()
    fill(store, 3)
    for scope in (OTHER, Scope("acme\0salt"), Scope("acm"), Scope("other", shared="third")):
        assert load(store, 3, scope=scope) == 0
    fill(store, 3, scope=Scope("acme\0salt"))
    assert len(page_files_names(store)) == 6


def page_files_names(store: TieredStore) -> set[str]:
    return {entry.key.name for tier in store.tiers for entry in tier.entries()}


def test_an_operators_prefix_is_read_by_all_and_written_by_none_else(opened: Open) -> None:
    store = opened()
    ops = Scope("ops")
    fill(store, 3, scope=ops)
    for tenant in ("acme", "other"):
        scope = Scope(tenant, shared="ops")
        assert load(store, 5, scope=scope) == 3
        prefix = store.prefix(tokens(5), scope)
        assert store.wanted(prefix) == range(3, 5)
        fill(store, 5, scope=scope)
        assert load(store, 5, scope=scope) == 5
    assert load(store, 5, scope=ops) == 3
    assert load(store, 5, scope=ACME) == 0
    counts = {entry.tenant: entry.tokens for entry in store.entries()}
    assert counts == {"ops": 12, "acme": 20, "other": 20}


def test_a_late_payload_is_fetched_by_the_writer(opened: Open) -> None:
    store = opened()
    prefix = store.prefix(tokens(2), ACME)
    threads: list[str] = []

    def late() -> bytes:
        threads.append(threading.current_thread().name)
        return payload(0, 0)

    assert store.offer(prefix, 0, late)
    assert store.offer(prefix, 1, lambda: None)
    assert store.flush(10)
    assert threads == ["kv-write"]
    assert load(store, 2) == 1


def test_a_full_queue_drops_and_counts() -> None:
    gate = threading.Event()

    class Slow(MemoryTier):
        def put(self, key: object, parts: object) -> bool:
            gate.wait(10)
            return super().put(key, parts)  # type: ignore[arg-type]

    size = FINGERPRINT.page_bytes
    store = TieredStore([Slow(1 << 20)], Keyring(), FINGERPRINT, queue_bytes=3 * size)
    prefix = store.prefix(tokens(8), ACME)
    taken = [store.offer(prefix, page, payload(0, page)) for page in range(8)]
    assert taken == [True] * 3 + [False] * 5
    assert store.stats().dropped == 5
    assert not store.flush(0.05)
    gate.set()
    assert store.flush(10)
    assert load(store, 8) == 3
    store.close()


def test_a_slower_tiers_pages_are_promoted() -> None:
    near, far = MemoryTier(1 << 20), Far(1 << 20)
    keyring = Keyring()
    store = TieredStore([near, far], keyring, FINGERPRINT)
    fill(store, 4)
    assert len(list(far.entries())) == 4
    near.drop(Selection())
    located = store.probe(store.prefix(tokens(4), ACME))
    assert located.tiers == (1, 1, 1, 1)
    assert load(store, 4) == 4
    assert store.flush(10)
    assert store.probe(located.prefix).tiers == (0, 0, 0, 0)
    assert store.stats().promoted == 4
    assert load(store, 4) == 4
    store.close()


def test_a_prefix_may_lie_in_pieces() -> None:
    near, far = MemoryTier(1 << 20), Far(1 << 20)
    store = TieredStore([near, far], Keyring(), FINGERPRINT)
    fill(store, 6)
    keys = store.prefix(tokens(6), ACME).keys
    near.delete(keys[2])
    near.delete(keys[3])
    far.delete(keys[0])
    assert store.probe(store.prefix(tokens(6), ACME)).tiers == (0, 0, 1, 1, 1, 1)
    assert load(store, 6) == 6
    store.close()


def test_without_a_local_tier_what_was_seen_is_not_wanted() -> None:
    store = TieredStore([Guard(Far(1 << 20))], Keyring(), FINGERPRINT)
    fill(store, 3)
    prefix = store.prefix(tokens(3), ACME)
    assert store.wanted(prefix) == range(3, 3)
    assert load(store, 3) == 3
    store.close()


def test_leases_and_pins_survive_a_restart(opened: Open) -> None:
    store = opened()
    fill(store, 3)
    fill(store, 3, seed=1)
    until = time.time() + 1000
    store.lease(store.prefix(tokens(3), ACME), until)
    assert store.pin(store.prefix(tokens(2, 1), ACME)) == 8
    assert store.flush(10)
    store.close()
    leases = {(e.tokens, e.pinned): e.leased_until for e in opened().entries() if e.leased_until}
    assert leases == {(12, False): pytest.approx(until)}
    assert [e.tokens for e in opened().entries() if e.pinned] == [8]


def test_a_lease_covers_offers_that_are_still_waiting(opened: Open) -> None:
    store = opened()
    fill(store, 3, wait=False)
    store.lease(store.prefix(tokens(3), ACME), time.time() + 1000)
    assert store.flush(10)
    assert store.stats().tiers["disk"].leased_bytes == sum(e.size for e in store.entries())


def test_pins_by_name_and_beyond_the_budget(opened: Open) -> None:
    store = opened(size="10000")
    fill(store, 4)
    fill(store, 16, seed=1)
    (small,) = (e for e in store.entries() if e.tokens == 16)
    assert store.pin(small.name) == 16
    assert {e.tokens for e in store.entries() if e.pinned} == {16}
    with pytest.raises(PinBudgetExceeded):
        store.pin(store.prefix(tokens(16, 1), ACME))
    assert store.unpin(small.name) == 16
    assert not any(e.pinned for e in store.entries())
    assert store.pin("00" * 20) == 0


def test_evict_by_prefix_tenant_and_model(opened: Open) -> None:
    store = opened()
    fill(store, 4)
    fill(store, 2, scope=OTHER)
    name = store.prefix(tokens(4), ACME).keys[2].name
    assert store.evict(store.select(name=name)) == 2
    assert load(store, 4) == 2
    assert store.evict(store.select(tenant="acme")) == 2
    assert load(store, 2, scope=OTHER) == 2
    assert store.evict(store.select(model="00" * 16)) == 0
    assert store.evict(store.select(model=FINGERPRINT.hex)) == 2
    with pytest.raises(KeyError):
        store.select(tenant="stranger")


@SEALS
def test_a_forgotten_tenant_is_gone_at_once(
    opened: Open, master: MasterKey | None, tmp_path: Path
) -> None:
    store = opened(master=master)
    told: list[str] = []
    store.on_forget(told.append)
    fill(store, 3)
    fill(store, 3, scope=OTHER)
    before = store.prefix(tokens(3), ACME)
    located = store.probe(before)
    assert store.forget("acme")
    assert told == ["acme"]
    assert store.load(located, Collector()).pages == 0
    assert len(store.probe(before).keys) == 0
    assert load(store, 3) == 0
    assert load(store, 3, scope=OTHER) == 3
    assert len(page_files(tmp_path)) == 3
    assert store.offer(before, 0, payload(0, 0))
    assert store.flush(10)
    assert len(page_files(tmp_path)) == 3
    fill(store, 3)
    assert load(store, 3) == 3


READER = """
import sys, time
from headstart.kv.open import open_store
from headstart.kv.seal import MasterKey
from tests.kv.tiers.support import FINGERPRINT, load
store = open_store(FINGERPRINT, disk=sys.argv[1], master=MasterKey(b"m" * 32))
told = []
store.on_forget(told.append)
assert load(store, 3) == 3
print("ready", flush=True)
deadline = time.monotonic() + 60
while not told and time.monotonic() < deadline:
    time.sleep(0.01)
assert told == ["acme"]
assert load(store, 3) == 0
store.close()
"""


def test_another_process_forgets_too(opened: Open, tmp_path: Path) -> None:
    store = opened(master=MASTER)
    fill(store, 3)
    command = [sys.executable, "-c", READER, f"{tmp_path}:1M"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == "ready\n"
        assert store.forget("acme")
        assert reader.wait(90) == 0
    assert store.keyring.propagation == 2.0


def test_pages_a_dying_process_left_of_a_forgotten_tenant_are_dropped(
    opened: Open, tmp_path: Path
) -> None:
    store = opened()
    fill(store, 3)
    fill(store, 3, scope=OTHER)
    files = {path: path.read_bytes() for path in page_files(tmp_path)}
    store.forget("acme")
    store.close()
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    again = opened()
    assert again.flush(10)
    assert len(page_files(tmp_path)) == 3
    assert load(again, 3, scope=OTHER) == 3


def test_sealed_pages_show_nothing_and_rotation_keeps_them(opened: Open, tmp_path: Path) -> None:
    store = opened(master=MASTER)
    fill(store, 4)
    store.close()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"payload" not in data, path
            assert tokens(4)[:16] not in data
    new = MasterKey(b"n" * 32)
    rotating = opened(master=new, previous=MASTER)
    assert load(rotating, 4) == 4
    rotating.close()
    assert load(opened(master=new), 4) == 4


def test_a_tenant_whose_keys_cannot_be_opened_misses(opened: Open) -> None:
    store, other = opened(master=MASTER), opened(master=MASTER)
    fill(store, 2)
    other.keyring.rotate(MasterKey(b"n" * 32))
    fill(other, 2, scope=OTHER)
    store.keyring.refresh()
    assert load(store, 2) == 2
    assert load(store, 2, scope=OTHER) == 0
    assert store.stats().faults > 0


def test_no_method_minds_a_closed_queue(opened: Open) -> None:
    store = opened()
    prefix: Prefix = store.prefix(tokens(2), ACME)
    store.close()
    store.close()
    assert not store.offer(prefix, 0, payload(0, 0))


def test_another_rank_s_pages_have_other_names(opened: Open) -> None:
    other = replace(FINGERPRINT, rank=1, ranks=2)
    store = opened()
    fill(store, 3)
    assert store.probe(store.prefix(tokens(3), ACME)).stop == 3
    there = store.prefix(tokens(3), ACME, other)
    assert {key.model for key in there.keys} == {other.hex}
    assert store.probe(there).stop == 0


def test_asking_what_is_wanted_need_not_be_a_use(opened: Open) -> None:
    store = opened()
    fill(store, 2)
    prefix = store.prefix(tokens(2), ACME)

    def hits() -> int:
        assert store.flush(30)
        return sum(entry.hits for entry in store.entries())

    before = hits()
    assert not store.wanted(prefix, use=False)
    assert hits() == before
    assert not store.wanted(prefix)
    assert hits() > before
