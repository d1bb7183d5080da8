"""What only a disk can do to one: restarts, foreign hands, full disks, several processes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.kv.open import open_store
from headstart.kv.seal import MasterKey
from headstart.kv.store import TieredStore
from headstart.kv.tiers import PageKey, Selection, TierUnavailable
from headstart.kv.tiers import disk as disk_module
from headstart.kv.tiers.disk import DiskTier
from headstart.prefix import Scope
from tests.kv.tiers.support import (
    ACME,
    FINGERPRINT,
    fill,
    line,
    load,
    page_files,
    payload,
    stored_bytes,
    tokens,
)

DATA = b"d" * 100


def put(tier: DiskTier, keys: list[PageKey]) -> None:
    for key in keys:
        assert tier.put(key, [DATA])


def names(tier: DiskTier) -> set[str]:
    return {entry.key.name for entry in tier.entries()}


def check_books(tier: DiskTier) -> None:
    """Catalogue and directory say the same."""
    files = page_files(tier.root)
    assert {path.name.partition(".")[0] for path in files} == names(tier)
    assert tier.stats().stored_bytes == sum(path.stat().st_size for path in files)
    assert tier.stats().objects == len(files)


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On a real disk."""
    return tmp_path_factory.mktemp("disk")


@pytest.fixture
def tier(tmp_path: Path) -> Iterator[DiskTier]:
    opened = DiskTier(tmp_path, 100_000)
    yield opened
    opened.close()


@contextlib.contextmanager
def reopened(tier: DiskTier) -> Iterator[DiskTier]:
    other = DiskTier(tier.root, 100_000)
    yield other
    check_books(other)
    other.close()


def test_a_file_taken_away_is_a_miss(tier: DiskTier) -> None:
    keys = line(3)
    put(tier, keys)
    page_files(tier.root)[1].unlink()
    assert tier.has(keys) == 3
    assert tier.read(keys[1], [memoryview(bytearray(100))]) is None
    assert tier.get(keys[1]) is None
    assert tier.has(keys) == 1
    assert tier.stats().misses == 2
    check_books(tier)


@pytest.mark.parametrize("what", ["gone", "garbage", "truncated", "flipped"])
def test_a_lost_catalogue_is_rebuilt_without_reading_a_page(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tier = DiskTier(tmp_path, 100_000)
    put(tier, [*line(5), *line(4, branch=1)])
    tier.close()
    file = tmp_path / "catalogue.sqlite"
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    data = file.read_bytes()
    if what == "gone":
        file.unlink()
    elif what == "garbage":
        file.write_bytes(os.urandom(len(data)))
    elif what == "truncated":
        file.write_bytes(data[: len(data) // 2])
    else:
        file.write_bytes(data[:200] + bytes(len(data) - 400) + data[-200:])
    read = []
    monkeypatch.setattr(os, "preadv", lambda *_: read.append(1))
    again = DiskTier(tmp_path, 100_000)
    assert again.has(line(5)) == 5
    assert again.has(line(4, branch=1)) == 4
    check_books(again)
    assert not read
    again.close()


def test_a_catalogue_damaged_under_way_is_replaced(tier: DiskTier) -> None:
    put(tier, line(5))
    with sqlite3.connect(tier.root / "catalogue.sqlite") as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file = tier.root / "catalogue.sqlite"
    data = bytearray(file.read_bytes())
    data[100:] = os.urandom(len(data) - 100)
    file.write_bytes(data)
    # SQLite keeps pages in memory: some calls still succeed. None raises.
    for depth in range(5, 12):
        tier.put(line(depth)[-1], [DATA])
        tier.touch(line(5), 1.0)
    with reopened(tier) as again:
        assert again.has(line(5)) == 5


def test_orphans_are_adopted_and_strays_set_aside(tier: DiskTier) -> None:
    put(tier, line(2))
    (first, second) = (tier._files.path(key) for key in line(2, branch=1))
    for path in (first, second):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(DATA)
    (first.parent / "notes.txt").write_text("not a page")
    (first.parent / "link").symlink_to("/etc/passwd")
    with reopened(tier) as again:
        assert again.has(line(2, branch=1)) == 2
        assert len(list((tier.root / "quarantine").iterdir())) == 2


def test_a_dead_processes_temporary_files_are_removed_and_a_live_ones_kept(
    tier: DiskTier,
) -> None:
    dead = tier.root / "tmp" / "dead"
    dead.mkdir()
    (dead / "half").write_bytes(DATA)
    mine = tier._files.write([DATA])
    with reopened(tier):
        assert not dead.exists()
        assert mine.exists()


def test_a_lower_limit_is_kept_from_the_start(tier: DiskTier) -> None:
    put(tier, line(20))
    small = DiskTier(tier.root, 1000)
    assert small.stats().stored_bytes <= 1000
    assert small.has(line(20)) == 9
    check_books(small)
    small.close()


def test_quarantine_is_bounded(tmp_path: Path) -> None:
    tier = DiskTier(tmp_path, 100_000)
    keys = line(40)
    put(tier, keys)
    for key in keys:
        tier.delete(key, damaged=True)
    held = [path.stat().st_size for path in (tmp_path / "quarantine").iterdir()]
    assert sum(held) == 2000
    assert tier.stats().damaged == 40
    tier.close()


def test_a_directory_in_a_pages_place_is_no_page(tier: DiskTier) -> None:
    keys = line(1)
    put(tier, keys)
    path = tier._files.path(keys[0])
    path.unlink()
    path.mkdir()
    assert tier.read(keys[0], [memoryview(bytearray(100))]) not in (None, 100)
    tier.delete(keys[0], damaged=True)
    assert tier.has(keys) == 0


def test_a_pipe_in_a_pages_place_is_not_waited_for(tier: DiskTier) -> None:
    put(tier, line(1))
    [path] = page_files(tier.root)
    path.unlink()
    os.mkfifo(path)
    tier.expect(line(1)[0])
    assert tier.read(line(1)[0], [memoryview(bytearray(len(DATA)))]) == 0


def test_a_page_that_is_not_there_may_be_expected(tier: DiskTier) -> None:
    tier.expect(line(1)[0])
    assert tier.stats().errors == 0


def test_a_page_whose_file_was_taken_away_can_be_stored_again(tier: DiskTier) -> None:
    put(tier, line(3))
    shutil.rmtree(tier.root / "pages")
    put(tier, line(3))
    assert [tier.get(key) for key in line(3)] == [DATA] * 3
    assert tier.stats().stored_bytes == stored_bytes(tier.root) == 3 * len(DATA)


def test_an_unusable_directory_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TierUnavailable, match="file"):
        DiskTier(tmp_path / "file", 1000)


def test_time_going_forward_ends_leases_and_back_prolongs_them(tmp_path: Path) -> None:
    now = 1_000_000.0
    tier = DiskTier(tmp_path, 1020, clock=lambda: now)
    put(tier, line(4))
    tier.lease(line(4), now + 60, now)
    put(tier, line(6, branch=1))
    # A step back: still leased. What was used last goes before it.
    now -= 3600
    put(tier, line(6, branch=2)[:1])
    assert tier.has(line(4)) == 4
    # A step forward: over. Recency, not the clock, says that it goes first.
    now += 7200
    put(tier, line(3, branch=2))
    assert tier.has(line(4)) < 4
    tier.close()


# Full and broken disks


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """A file system of its own."""
    path.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(path).encode(), b"tmpfs", 0, f"size={size}".encode()):
        pytest.skip(f"no permission to mount: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        libc.umount2(str(path).encode(), 2)


def test_a_full_disk_stops_writing_not_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "disk"
    with small_disk(path, "1m"):
        store = open_store(FINGERPRINT, disk=f"{path}:1G")
        fill(store, 10)
        filler = path / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        fill(store, 10, seed=1)
        stats = store.stats().tiers["disk"]
        assert stats.paused
        assert stats.errors > 0
        assert stats.dropped > 0
        assert load(store, 10) == 10
        assert store.wanted(store.prefix(tokens(10, 2), ACME)) == range(0)
        assert not list((path / "tmp").glob("*/*"))
        filler.unlink()
        monkeypatch.setattr(time, "monotonic", lambda at=time.monotonic: at() + 60)
        assert not store.tiers[0].paused
        fill(store, 10, seed=3)
        assert load(store, 10, seed=3) == 10
        store.close()
        with contextlib.closing(DiskTier(path, 1 << 30)) as again:
            check_books(again)


def test_a_file_that_may_not_grow_is_a_dropped_write(tmp_path: Path) -> None:
    code = f"""
import resource, signal
from headstart.kv.tiers.disk import DiskTier
from tests.kv.tiers.support import line
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
tier = DiskTier({str(tmp_path)!r}, 1 << 30)
assert tier.put(line(1)[0], [b"d" * 100])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
assert not tier.put(line(2)[1], [b"d" * 300_000])
stats = tier.stats()
assert stats.paused and stats.errors == 1 and stats.dropped == 1, stats
assert tier.get(line(1)[0]) == b"d" * 100
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path.cwd())
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 200_000
    assert len(page_files(tmp_path)) == 1


# Damaged pages, through the store


DAMAGE = ["flipped", "truncated", "longer", "empty", "swapped", "other model", "other tenant"]


@pytest.mark.parametrize("master", [None, MasterKey(b"m" * 32)], ids=["plain", "sealed"])
@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_page_is_a_counted_miss(
    tmp_path: Path, what: str, master: MasterKey | None
) -> None:
    store = open_store(FINGERPRINT, disk=f"{tmp_path}:100M", master=master)
    fill(store, 5)
    fill(store, 5, scope=Scope("other"))
    path = file_of(store, ACME, 2)
    data = path.read_bytes()
    if what == "flipped":
        path.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    elif what == "truncated":
        path.write_bytes(data[:-1])
    elif what == "longer":
        path.write_bytes(data + b"x")
    elif what == "empty":
        path.write_bytes(b"")
    elif what == "swapped":
        path.write_bytes(file_of(store, ACME, 3).read_bytes())
    elif what == "other tenant":
        path.write_bytes(file_of(store, Scope("other"), 2).read_bytes())
    else:
        path.write_bytes(data[:32] + bytes(16) + data[48:])
    assert load(store, 5) == 2
    assert load(store, 5) == 2
    assert store.stats().tiers["disk"].damaged == 1
    quarantine = list((tmp_path / "quarantine").iterdir())
    assert len(quarantine) == 1
    check_books(store.tiers[0])  # type: ignore[arg-type]
    fill(store, 5)
    assert load(store, 5) == 5
    store.close()


def file_of(store: TieredStore, scope: Scope, page: int) -> Path:
    key = store.prefix(tokens(5), scope).keys[page]
    tier = store.tiers[0]
    assert isinstance(tier, DiskTier)
    return tier._files.path(key)


def test_no_damage_at_random_becomes_an_answer(tmp_path: Path) -> None:
    store = open_store(FINGERPRINT, disk=f"{tmp_path}:100M", master=MasterKey(b"m" * 32))
    dice = random.Random(7)
    for seed in range(60):
        fill(store, 3, seed=seed)
        path = file_of_seed(store, seed, dice.randrange(3))
        data = bytearray(path.read_bytes())
        for _ in range(dice.randint(1, 3)):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        load(store, 3, seed=seed)
    assert store.stats().damaged > 50
    store.close()


def file_of_seed(store: TieredStore, seed: int, page: int) -> Path:
    tier = store.tiers[0]
    assert isinstance(tier, DiskTier)
    return tier._files.path(store.prefix(tokens(3, seed), ACME).keys[page])


# Several processes

WRITER = """
import sys, random
from headstart.kv.open import open_store
from tests.kv.tiers.support import FINGERPRINT, fill, load
root, seed, limit = sys.argv[1], int(sys.argv[2]), sys.argv[3]
store = open_store(FINGERPRINT, disk=f"{root}:{limit}")
dice = random.Random(seed)
hits = 0
for _ in range(60):
    which = dice.randrange(12)
    fill(store, dice.randint(1, 8), seed=which)
    hits += load(store, 8, seed=dice.randrange(12))
stats = store.stats()
assert stats.damaged == 0 and stats.faults == 0, stats
assert stats.tiers["disk"].errors == 0, stats
assert hits, stats
store.close()
"""


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_a_directory(tmp_path: Path, processes: int) -> None:
    limit = 40 * (FINGERPRINT.page_bytes + 192)
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    started = [
        subprocess.Popen([*command, str(seed), str(limit)], cwd=Path.cwd())
        for seed in range(processes)
    ]
    most = 0
    while any(process.poll() is None for process in started):
        with contextlib.suppress(FileNotFoundError):
            most = max(most, stored_bytes(tmp_path))
        time.sleep(0.01)
    assert [process.returncode for process in started] == [0] * processes
    # Files are counted while they come and go: a page each may be counted twice.
    assert 0 < most <= limit + processes * 1024
    tier = DiskTier(tmp_path, limit)
    check_books(tier)
    assert tier.stats().stored_bytes <= limit
    assert not [p for p in (tmp_path / "tmp").iterdir() if p != tier._files._own]
    tier.close()


def test_what_one_process_drops_the_other_misses(tier: DiskTier) -> None:
    put(tier, line(4))
    other = DiskTier(tier.root, 100_000)
    assert other.has(line(4)) == 4
    assert tier.drop(Selection()) == 4
    assert other.has(line(4)) == 0
    other.close()


def test_a_damaged_catalogue_in_use_elsewhere_is_left_alone(tmp_path: Path) -> None:
    tier = DiskTier(tmp_path, 100_000)
    put(tier, line(3))
    with sqlite3.connect(tmp_path / "catalogue.sqlite") as checkpoint:
        checkpoint.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (tmp_path / "catalogue.sqlite").write_bytes(b"garbage" * 1000)
    other = DiskTier(tmp_path, 100_000)
    assert other.paused
    assert other.has(line(3)) == 3
    assert other.get(line(3)[2]) == DATA
    assert not other.put(line(4)[3], [DATA])
    other.close()
    tier.close()


def test_a_page_dropped_between_probe_and_load_is_a_miss(tmp_path: Path) -> None:
    store = open_store(FINGERPRINT, disk=f"{tmp_path}:100M")
    fill(store, 4)
    located = store.probe(store.prefix(tokens(4), ACME))
    shutil.rmtree(tmp_path / "pages")
    from tests.kv.tiers.support import load_located

    assert load_located(store, located, 0) == 0
    fill(store, 4)
    assert load(store, 4) == 4
    assert payload(0, 0) != payload(0, 1)
    store.close()


def test_the_pause_is_the_stated_one() -> None:
    assert disk_module.PAUSE_SECONDS == 30.0
