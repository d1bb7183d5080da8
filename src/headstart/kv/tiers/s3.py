"""Pages as objects of an S3-compatible bucket that hosts share.

::

    PREFIX/pages/MODEL/SCOPE/NAME.PAGE.PARENT   one page
    PREFIX/keep/NAME/UNTIL, PREFIX/keep/NAME/pin  a lease's, a pin's last page; empty
    PREFIX/keyring/ID.json                      see ``s3_vault``

S3 knows no recency and no limit: each process keeps books of what it listed, wrote and
read, and evicts by them. They are listed anew every ``LIST_SECONDS``, so that several
writers together may exceed the limit by what they write in between.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from headstart.kv.tiers.books import Books
from headstart.kv.tiers.contract import (
    EVERYTHING,
    ROOT,
    Buffer,
    PageKey,
    Seen,
    Selection,
    Tier,
    TierEntry,
    TierStats,
    ignore,
)
from headstart.kv.tiers.memory import scatter
from headstart.kv.tiers.remote import WRITE_SECONDS
from headstart.kv.tiers.s3_bucket import Bucket, key_of, path_of
from headstart.kv.tiers.s3_markers import Markers

if TYPE_CHECKING:
    from obstore.store import S3Store

LIST_SECONDS = 600.0


class S3Tier(Tier):
    """Methods raise what ``obstore`` raises: put a ``Guard`` around it."""

    name = "s3"
    local = False

    def __init__(
        self,
        store: S3Store,
        limit: int,
        floor: int | None = None,
        strict: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``limit`` and ``floor`` (of each scope) in bytes. Lists the bucket on a thread of
        its own, now and every ``LIST_SECONDS``."""
        self._bucket = Bucket(store)
        self._markers = Markers(self._bucket)
        self._books = Books(limit, floor, strict)
        self._count = self._books.count
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._lister = threading.Thread(target=self._follow, name="s3-list", daemon=True)
        self._lister.start()

    def has(self, keys: Sequence[PageKey]) -> int:
        """How many leading keys are there. What the books lack is looked for by bisection,
        for others write prefixes in order."""
        with self._lock:
            known = self._books.has(keys)
        low, high = known, len(keys)
        if low == high or not self._bucket.has(path_of(keys[low])):
            return low
        low += 1
        while low < high:
            middle = (low + high) // 2
            if self._bucket.has(path_of(keys[middle])):
                low = middle + 1
            else:
                high = middle
        return low

    def get(self, key: PageKey) -> Buffer | None:
        """The whole object."""
        data = self._bucket.get(path_of(key))
        with self._lock:
            if data is None:
                self._books.remove(key.name)
                self._count.misses += 1
                return None
            if key.name not in self._books.pages:
                self._books.add(key, len(data), self._clock())
            self._count.hits += 1
        return data

    def read(self, key: PageKey, into: Sequence[memoryview], seen: Seen = ignore) -> int | None:
        """Copy the object into buffers."""
        data = self.get(key)
        return None if data is None else scatter(data, into, seen)

    def put(self, key: PageKey, parts: Sequence[Buffer]) -> bool:
        """Upload."""
        size = sum(len(part) for part in parts)
        with self._lock:
            if key.name in self._books.pages:
                return True
            gone = self._books.make_room(key, size, self._clock())
            if gone is None:
                self._count.dropped += 1
                return False
        self._remove(gone)
        if not self._bucket.has(path_of(key)):
            self._bucket.put(path_of(key), parts)
            self._count.stored += 1
        with self._lock:
            if key.name not in self._books.pages:
                self._books.add(key, size, self._clock())
        return True

    def touch(self, keys: Sequence[PageKey], now: float) -> None:
        """Count a use of each key."""
        with self._lock:
            self._books.touch(keys, now)

    def delete(self, key: PageKey, damaged: bool = False) -> None:
        """Remove one object; a damaged one too, for want of a place to set it aside."""
        self._count.damaged += damaged
        with self._lock:
            self._books.remove(key.name)
        self._remove([key])

    def drop(self, which: Selection) -> int:
        """Remove every object that matches, those that others wrote too."""
        self.refresh()
        with self._lock:
            found = [record.key for record in self._books.select(which)]
            for key in found:
                self._books.remove(key.name)
        self._remove(found)
        return len(found)

    def lease(self, keys: Sequence[PageKey], until: float, now: float) -> int:
        """Keep pages until a time."""
        with self._lock:
            covered = self._books.lease(keys, until, now)
        if covered:
            self._markers.lease(keys[covered - 1].name, until)
        return covered

    def pin(self, keys: Sequence[PageKey]) -> int:
        """Keep pages until ``unpin``; PinBudgetExceeded."""
        with self._lock:
            pinned = self._books.pin(keys)
        if pinned:
            self._markers.pin(keys[pinned - 1].name)
        return pinned

    def unpin(self, keys: Sequence[PageKey]) -> int:
        """Undo ``pin``."""
        with self._lock:
            unpinned = self._books.unpin(keys)
        self._markers.unpin(key.name for key in keys)
        return unpinned

    def entries(self, which: Selection = EVERYTHING) -> Iterator[TierEntry]:
        """Every object in the books that matches."""
        with self._lock:
            return iter(list(self._books.entries(which)))

    def stats(self) -> TierStats:
        """Gauges and counters."""
        with self._lock:
            return self._books.stats(self._clock())

    def refresh(self) -> None:
        """List the bucket and correct the books."""
        with self._lock:
            before = set(self._books.pages)
        listed = {}
        for path, size, changed in self._bucket.list("pages/"):
            if key := key_of(path):
                listed[key.name] = (changed, -key.page, key, size)
        with self._lock:
            for name in before - listed.keys():
                self._books.remove(name)
            for changed, _, key, size in sorted(listed.values()):
                if key.name not in self._books.pages:
                    self._books.add(key, size, changed)
        for name, until in self._markers.refresh(self._clock()):
            with self._lock:
                self._retain(name, until)

    def close(self) -> None:
        """Stop listing."""
        self._closed.set()
        self._lister.join(WRITE_SECONDS)

    def _follow(self) -> None:
        while True:
            try:
                self.refresh()
            except Exception:
                self._count.errors += 1
            if self._closed.wait(LIST_SECONDS):
                return

    def _remove(self, keys: Sequence[PageKey]) -> None:
        self._bucket.remove([path_of(key) for key in keys])

    def _retain(self, name: str, until: float) -> None:
        """Apply a marker to its page and all before it."""
        seen = {ROOT}
        while name not in seen and (record := self._books.pages.get(name)):
            seen.add(name)
            if until == math.inf and not record.pinned:
                record.pinned = True
                self._books.pinned_bytes += record.size
            elif until != math.inf:
                record.lease = max(record.lease, until)
            name = record.key.parent
