"""Records on their way from the requests to the thread that writes them."""

from __future__ import annotations

import threading
from collections import deque

from headstart.ledger.drops import Drops
from headstart.usage import RequestRecord

BATCH = 256
"""Rows a transaction: making them holds up the process's other threads for milliseconds."""
ROW_BYTES = 1024
"""What one record takes in memory, its outline and prompt aside."""


class Queue:
    """Records that wait, within a limit of bytes. ``put`` waits for nobody: the lock is only
    ever held for a few assignments."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._changed = threading.Condition()
        self._waiting: deque[RequestRecord] = deque()
        self._bytes = 0
        self._total = Drops()
        self._untold = Drops()
        self._working = False
        self._closed = False

    def put(self, record: RequestRecord) -> None:
        """Add a record, or count it where there is no room."""
        weight = weigh(record)
        with self._changed:
            if self._closed or self._bytes + weight > self._limit:
                self._count(Drops().plus(record))
                return
            self._bytes += weight
            self._waiting.append(record)
            if len(self._waiting) in (1, BATCH):
                self._changed.notify_all()

    def take(self, delay: float, patience: float) -> tuple[list[RequestRecord], Drops]:
        """The next batch, in order, and what was counted: waits ``patience`` seconds for a
        first record and then ``delay`` for company. ``done`` must follow."""
        with self._changed:
            self._changed.wait_for(self._busy, max(0.0, patience))
            if self._waiting:
                self._changed.wait_for(lambda: self._closed or len(self._waiting) >= BATCH, delay)
            size = min(BATCH, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            untold, self._untold = self._untold, Drops()
            self._working = True
            return batch, untold

    def done(self, batch: list[RequestRecord]) -> None:
        """A batch was written, or counted: its room is free."""
        with self._changed:
            self._bytes -= sum(map(weigh, batch))
            self._working = False
            self._changed.notify_all()

    def rest(self, seconds: float) -> bool:
        """Sleep, unless the queue is closed; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, seconds)

    def count(self, drops: Drops) -> None:
        """Add what will have no row."""
        with self._changed:
            self._count(drops)

    def restore(self, untold: Drops) -> None:
        """What ``take`` gave as counted is not told yet."""
        with self._changed:
            self._untold += untold

    @property
    def dropped(self) -> Drops:
        """All that was counted."""
        with self._changed:
            return self._total

    @property
    def over(self) -> bool:
        """Closed, and nothing waits."""
        with self._changed:
            return self._closed and not self._waiting

    def drained(self, timeout: float) -> bool:
        """Wait until nothing waits and nothing is being written; whether it was in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not (self._waiting or self._working or self._untold), timeout
            )

    def close(self) -> None:
        """Count whatever still comes."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _busy(self) -> bool:
        return bool(self._waiting or self._untold or self._closed)

    def _count(self, drops: Drops) -> None:
        self._total += drops
        self._untold += drops


def weigh(record: RequestRecord) -> int:
    """Bytes of memory, roughly: text of up to 4 bytes a character."""
    return ROW_BYTES + len(record.outline or b"") + 4 * len(record.prompt or "")
