"""What remote tiers have in common: a client that may raise, and the guard around it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TypeVar

from headstart.kv.tiers.contract import (
    EVERYTHING,
    Buffer,
    Counters,
    PageKey,
    PinBudgetExceeded,
    Seen,
    Selection,
    Tier,
    TierEntry,
    TierStats,
    ignore,
)
from headstart.kv.tiers.memory import scatter

PROBE_SECONDS = 0.5
"""A question about presence that takes longer is answered "nothing is there"."""
READ_SECONDS = 2.0
"""A page that takes longer is a miss."""
WRITE_SECONDS = 10.0
"""Background work that takes longer is given up."""
CONNECT_SECONDS = 0.5
FAILURES = 3
"""So many failures in a row, and the tier is not asked any more ..."""
PAUSE_SECONDS = 10.0
"""... for so long; then one question is let through, and its outcome decides."""
_WORKERS = 4

T = TypeVar("T")


class Breaker:
    """Open after ``failures`` in a row; half-open, for one caller, after ``pause``."""

    def __init__(
        self,
        failures: int = FAILURES,
        pause: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = failures
        self._pause = pause
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        """Nobody is let through."""
        return self._failures >= self._most and self._clock() < self._until

    def admit(self) -> bool:
        """Whether this caller may try; it must report the outcome."""
        with self._lock:
            if self._failures < self._most:
                return True
            if self._clock() < self._until:
                return False
            self._until = self._clock() + self._pause
            return True

    def report(self, success: bool) -> None:
        """Outcome of an attempt that was admitted."""
        with self._lock:
            if success:
                self._failures = 0
                return
            self._failures += 1
            if self._failures >= self._most:
                self._until = self._clock() + self._pause


class Guard(Tier):
    """A remote tier that never raises and never takes longer than stated.

    Its client runs on threads of the guard's: a call that is late is abandoned there (the
    client's own timeouts end it) and counted.
    """

    local = False

    def __init__(self, tier: Tier, breaker: Breaker | None = None) -> None:
        self.tier = tier
        self.name = tier.name
        self._breaker = breaker or Breaker()
        self._pool = ThreadPoolExecutor(_WORKERS, f"tier-{tier.name}")
        self._errors = 0
        self._skipped = 0
        self._lost = 0
        self._known = TierStats(0, 0, 0, 0, 0, **asdict(Counters()), paused=True)

    @property
    def paused(self) -> bool:
        """Not asked for the time being."""
        return self._breaker.open

    def has(self, keys: Sequence[PageKey]) -> int:
        """How many leading keys are there; 0 after ``PROBE_SECONDS``."""
        return self._call(PROBE_SECONDS, 0, lambda: self.tier.has(keys)) if keys else 0

    def get(self, key: PageKey) -> Buffer | None:
        """The whole object; None after ``READ_SECONDS``."""
        return self._call(READ_SECONDS, None, lambda: self.tier.get(key))

    def read(self, key: PageKey, into: Sequence[memoryview], seen: Seen = ignore) -> int | None:
        """Read into buffers. The late result of an abandoned call never reaches them."""
        data = self.get(key)
        return None if data is None else scatter(data, into, seen)

    def put(self, key: PageKey, parts: Sequence[Buffer]) -> bool:
        """Store; False after ``WRITE_SECONDS``."""
        done = self._call(WRITE_SECONDS, None, lambda: self.tier.put(key, parts))
        self._lost += done is None
        return bool(done)

    def touch(self, keys: Sequence[PageKey], now: float) -> None:
        """Count a use of each key."""
        self._call(WRITE_SECONDS, None, lambda: self.tier.touch(keys, now))

    def delete(self, key: PageKey, damaged: bool = False) -> None:
        """Remove one object."""
        self._call(WRITE_SECONDS, None, lambda: self.tier.delete(key, damaged))

    def drop(self, which: Selection) -> int:
        """Remove every object that matches."""
        return self._call(WRITE_SECONDS, 0, lambda: self.tier.drop(which))

    def lease(self, keys: Sequence[PageKey], until: float, now: float) -> int:
        """Keep pages until a time."""
        return self._call(WRITE_SECONDS, 0, lambda: self.tier.lease(keys, until, now))

    def pin(self, keys: Sequence[PageKey]) -> int:
        """Keep pages until ``unpin``; PinBudgetExceeded."""
        return self._call(WRITE_SECONDS, 0, lambda: self.tier.pin(keys))

    def unpin(self, keys: Sequence[PageKey]) -> int:
        """Undo ``pin``."""
        return self._call(WRITE_SECONDS, 0, lambda: self.tier.unpin(keys))

    def entries(self, which: Selection = EVERYTHING) -> Iterator[TierEntry]:
        """Every object that matches."""
        found: list[TierEntry] = []
        return iter(self._call(WRITE_SECONDS, found, lambda: list(self.tier.entries(which))))

    def stats(self) -> TierStats:
        """The tier's, with the guard's own counts added; while it can't be asked the latest
        known, so that no counter runs backwards. Takes ``PROBE_SECONDS`` at most.

        A failure counts towards the pause. A success ends none: a tier may answer out of its
        own books without asking its server.
        """
        if not self._breaker.open:
            try:
                self._known = self._within(PROBE_SECONDS, self.tier.stats)
            except Exception:
                self._failed()
        known = self._known
        return known._replace(
            errors=known.errors + self._errors,
            misses=known.misses + self._skipped,
            dropped=known.dropped + self._lost,
            paused=self._breaker.open,
        )

    def close(self) -> None:
        """Let late calls end, then close the client."""
        self._pool.shutdown(wait=True)
        self.tier.close()

    def _call(self, seconds: float, otherwise: T, work: Callable[[], T]) -> T:
        if not self._breaker.admit():
            self._skipped += 1
            return otherwise
        try:
            result = self._within(seconds, work)
        except PinBudgetExceeded:
            self._breaker.report(True)
            raise
        except Exception:
            # Whatever a client library comes up with: the cache goes on without it.
            self._failed()
            return otherwise
        self._breaker.report(True)
        return result

    def _within(self, seconds: float, work: Callable[[], T]) -> T:
        future = self._pool.submit(work)
        try:
            return future.result(timeout=seconds)
        except BaseException:
            future.cancel()
            raise

    def _failed(self) -> None:
        self._errors += 1
        self._breaker.report(False)
