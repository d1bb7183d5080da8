"""The ledger: what each request read, wrote and cost, kept off the request's path."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from headstart.ledger.address import address_of, shown
from headstart.ledger.drops import Drops
from headstart.ledger.queue import Queue
from headstart.ledger.store import Store
from headstart.ledger.writer import Writer
from headstart.usage import RequestRecord

DAY = 86_400.0
MIB = 1 << 20


class Ledger:
    """A database of requests, and the thread that writes it. Safe across threads, and
    several processes may share one."""

    def __init__(self, queue: Queue, writer: Writer, url: str) -> None:
        self._queue = queue
        self._writer = writer
        self.url = url
        """As it may be shown: without a password."""

    @classmethod
    def open(
        cls,
        url: str | Path,
        *,
        retention: float | None = 90 * DAY,
        limit_bytes: int | None = 2048 * MIB,
        delay: float = 0.25,
        pending_bytes: int = 32 * MIB,
        clock: Callable[[], float] = time.time,
    ) -> Ledger:
        """Start writing to a path or database URL (``address_of``).

        Rows older than ``retention`` seconds go, and the oldest where a SQLite file's data
        take more than ``limit_bytes``; None keeps all. A row waits ``delay`` seconds at most
        for others to be written with. What waits is held in ``pending_bytes`` of memory.

        A database that cannot be reached now is tried again until it can be. LedgerError for
        one that never will: no such kind, no driver.
        """
        if (retention is not None and retention <= 0) or delay < 0:
            raise ValueError(f"retention {retention} and delay {delay} are seconds")
        if limit_bytes is not None and limit_bytes < MIB:
            raise ValueError(f"a ledger of {limit_bytes} bytes would keep nothing")
        address = address_of(url)
        queue = Queue(pending_bytes)
        store = Store(address)
        writer = Writer(queue, store, shown(address), retention, limit_bytes, delay, clock)
        writer.start()
        return cls(queue, writer, shown(address))

    def record(self, record: RequestRecord) -> None:
        """Take in a request that is over. Never waits and never raises: what there is no
        room for is counted (``dropped``)."""
        try:
            self._queue.put(record)
        except Exception:
            self._queue.count(Drops(requests=1))

    @property
    def dropped(self) -> Drops:
        """Requests of this process that have no row, summed."""
        return self._queue.dropped

    @property
    def written(self) -> int:
        """Rows of this process that were committed."""
        return self._writer.written

    @property
    def failing(self) -> str | None:
        """Why the database cannot be written at the moment; None if it can."""
        return self._writer.failing

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all that was recorded is written; whether it was in time."""
        return self._queue.drained(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Write what waits, with one last try, and stop. Records after that are counted."""
        self._queue.close()
        self._writer.join(timeout)
