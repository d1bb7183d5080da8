"""Pages as files in a directory that several processes may share.

A change takes the catalogue's write lock, moves or deletes its files, then commits: files
and books disagree only after a process died between the two, by at most one change, until
the next one opens the directory and sweeps. Pages are not fsynced: every load is verified,
so that a page lost or torn by a power cut is a miss.

The limit is kept by whoever writes: bytes in ``pages/`` never exceed what the last writer
was given, temporary files (one page a process) and quarantine (``1/50`` of the limit, taken
off it) beside them.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from headstart.kv.tiers.catalogue import Catalogue, Sizes
from headstart.kv.tiers.contract import (
    EVERYTHING,
    Buffer,
    Counters,
    PageKey,
    Seen,
    Selection,
    Tier,
    TierEntry,
    TierStats,
    TierUnavailable,
    ignore,
)
from headstart.kv.tiers.directory import Directory
from headstart.kv.tiers.room import NoRoom, Quota, choose, reconcile
from headstart.kv.tiers.shared import is_damage, open_shared

PAUSE_SECONDS = 30.0
"""How long nothing is written after the file system refused a write."""
QUARANTINE_SHARE = 50
_CATALOGUE = "catalogue.sqlite"


class DiskTier(Tier):
    """One file a page. Thread-safe, and safe between processes on one host."""

    name = "disk"
    local = True

    def __init__(
        self,
        root: Path | str,
        limit: int,
        floor: int | None = None,
        strict: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``limit`` and ``floor`` (of each scope) in bytes. TierUnavailable."""
        self.root = Path(root)
        room = limit - limit // QUARANTINE_SHARE
        self.quota = Quota(room, floor, strict and floor is not None)
        self.count = Counters()
        self._clock = clock
        self._paused_until = 0.0
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._files = Directory(self.root, limit // QUARANTINE_SHARE)
            self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._catalogue = self._open_catalogue()
            self.reconcile()
        except (OSError, sqlite3.Error) as error:
            raise TierUnavailable(f"{self.root} can't be used as a disk tier: {error}") from error

    @property
    def paused(self) -> bool:
        """Not writing for the time being."""
        return time.monotonic() < self._paused_until

    def has(self, keys: Sequence[PageKey]) -> int:
        """How many leading keys are listed."""
        with self._faults():
            return self._catalogue.has(keys)
        return 0

    def get(self, key: PageKey) -> Buffer | None:
        """The whole object."""
        with self._faults():
            with contextlib.suppress(FileNotFoundError):
                data = self._files.path(key).read_bytes()
                self.count.hits += 1
                return data
            self._gone(key)
        return None

    def expect(self, key: PageKey) -> None:
        """Have the kernel read the file ahead."""
        self._files.expect(key)

    def read(self, key: PageKey, into: Sequence[memoryview], seen: Seen = ignore) -> int | None:
        """Read the file into the buffers."""
        try:
            size = self._files.read(key, into, seen)
        except OSError:
            # A bad sector, a symlink, a directory in its place: the store sets it aside.
            self.count.errors += 1
            return 0
        if size is not None:
            self.count.hits += 1
            return size
        with self._faults():
            self._gone(key)
        return None

    def put(self, key: PageKey, parts: Sequence[Buffer]) -> bool:
        """Write a file and enter it."""
        size = sum(len(part) for part in parts)
        if self.paused or size > self.quota.limit:
            self.count.dropped += 1
            return False
        with self._faults(writing=True):
            if self._catalogue.has([key]):
                if self._files.path(key).exists():
                    return True
                self._strike(key)
            temporary = self._files.write(parts)
            try:
                return self._enter(key, size, temporary)
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink()
        self.count.dropped += 1
        return False

    def touch(self, keys: Sequence[PageKey], now: float) -> None:
        """Count a use of each key."""
        with self._faults(), self._catalogue.change():
            self._catalogue.touch(keys, now)

    def delete(self, key: PageKey, damaged: bool = False) -> None:
        """Remove one file, or move it to quarantine."""
        self.count.damaged += damaged
        with self._faults(), self._catalogue.change():
            self._catalogue.remove([key.name])
            if damaged:
                self._files.set_aside(self._files.path(key))
            else:
                self._files.remove(key)

    def drop(self, which: Selection) -> int:
        """Remove every file that matches."""
        with self._faults(), self._catalogue.change():
            found = [entry.key for entry in self._catalogue.selected(which)]
            self._catalogue.remove([key.name for key in found])
            for key in found:
                self._files.remove(key)
            return len(found)
        return 0

    def lease(self, keys: Sequence[PageKey], until: float, now: float) -> int:
        """Keep pages until a time."""
        with self._faults(), self._catalogue.change():
            covered, broken = self._catalogue.lease(keys, until, now, self.quota.limit)
            self.count.leases_broken += broken
            return covered
        return 0

    def pin(self, keys: Sequence[PageKey]) -> int:
        """Keep pages until ``unpin``; PinBudgetExceeded."""
        with self._faults(), self._catalogue.change():
            return self._catalogue.pin(keys, self.quota.limit)
        return 0

    def unpin(self, keys: Sequence[PageKey]) -> int:
        """Undo ``pin``."""
        with self._faults(), self._catalogue.change():
            return self._catalogue.unpin(keys)
        return 0

    def entries(self, which: Selection = EVERYTHING) -> Iterator[TierEntry]:
        """Every listed page that matches."""
        with self._faults():
            return iter(self._catalogue.entries(which))
        return iter(())

    def stats(self) -> TierStats:
        """Gauges and counters."""
        sizes = Sizes(0, 0, 0, 0)
        with self._faults():
            sizes = self._catalogue.sizes(self._clock())
        return TierStats(
            limit_bytes=self.quota.limit,
            stored_bytes=sizes.bytes,
            objects=sizes.objects,
            pinned_bytes=sizes.pinned,
            leased_bytes=sizes.leased,
            **asdict(self.count),
            paused=self.paused,
        )

    def reconcile(self) -> int:
        """Make the catalogue list exactly the files there are, from their names and sizes
        alone; then evict down to the limit. Returns how many rows were wrong."""
        with self._catalogue.change():
            return reconcile(self._catalogue, self._files, self.quota, self._clock())

    def close(self) -> None:
        """Close the catalogue; other processes go on."""
        self._catalogue.close()
        self._files.close()
        os.close(self._lock)

    def _enter(self, key: PageKey, size: int, temporary: Path) -> bool:
        with contextlib.suppress(NoRoom), self._catalogue.change():
            if self._catalogue.listed(key.name):
                return True
            victims = choose(self._catalogue, self.quota, self._clock(), key, size)
            for victim in victims:
                self._files.remove(victim)
            self._files.place(temporary, key)
            self._catalogue.add(key, size, self._clock())
            self.count.evicted += len(victims)
            self.count.stored += 1
            return True
        self.count.dropped += 1
        return False

    def _gone(self, key: PageKey) -> None:
        """A file that is listed was taken away."""
        self.count.misses += 1
        self._strike(key)

    def _strike(self, key: PageKey) -> None:
        with self._catalogue.change():
            if not self._files.path(key).exists():
                self._catalogue.remove([key.name])

    @contextlib.contextmanager
    def _faults(self, writing: bool = False) -> Iterator[None]:
        """Count what the file system or SQLite refuses, and stop writing for a while."""
        try:
            yield
        except sqlite3.Error as error:
            self.count.errors += 1
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            if is_damage(error):
                self._renew_catalogue()
        except OSError:
            self.count.errors += 1
            if writing:
                self._paused_until = time.monotonic() + PAUSE_SECONDS

    def _open_catalogue(self) -> Catalogue:
        """The one that all processes share, or one for reading on while others hold a
        damaged one: then nothing is written."""
        shared = open_shared(self.root / _CATALOGUE, self._lock)
        if shared is not None:
            return shared
        self._paused_until = float("inf")
        return Catalogue(":memory:")

    def _renew_catalogue(self) -> None:
        try:
            self._catalogue.close()
            self._catalogue = self._open_catalogue()
            self.reconcile()
        except (OSError, sqlite3.Error):
            self.count.errors += 1
            self._paused_until = float("inf")
            self._catalogue = Catalogue(":memory:")
