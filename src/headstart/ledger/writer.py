"""The thread that empties the queue into the database, and outlasts the database's faults."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from math import inf, isfinite

from sqlalchemy.exc import DataError, IntegrityError

from headstart.ledger.address import cause
from headstart.ledger.drops import Drops
from headstart.ledger.queue import Queue
from headstart.ledger.rows import details_of, row_of
from headstart.ledger.store import Row, Store
from headstart.usage import RequestRecord

logger = logging.getLogger("headstart.ledger")

TIDY_SECONDS = 60.0
"""Between two looks for rows that are too old, or too many."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
"""Between two tries to reach a database; doubled each time."""


class Writer(threading.Thread):
    """Runs until the queue is closed and empty."""

    def __init__(
        self,
        queue: Queue,
        store: Store,
        name: str,
        retention: float | None,
        limit_bytes: int | None,
        delay: float,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(name="headstart-ledger", daemon=True)
        self._queue, self._store, self._called = queue, store, name
        self._retention, self._limit = retention, limit_bytes
        self._delay, self._clock = delay, clock
        self._tidy = time.monotonic()
        self._hopeless = False
        self._telling = False
        self._told = -inf
        self.written = 0
        self.failing: str | None = None

    def run(self) -> None:
        """Batch by batch."""
        while True:
            over = self._queue.over
            batch, untold = self._queue.take(self._delay, self._tidy - time.monotonic())
            good, rows, details = self._rows(batch)
            if rows or untold:
                self._write(good, rows, details, untold)
            self._queue.done(batch)
            if over:
                break
            self._prune()
        self._store.close()
        if self._queue.dropped:
            logger.warning(
                "ledger %s: %d requests have no row", self._called, self._queue.dropped.requests
            )

    def _rows(self, batch: list[RequestRecord]) -> tuple[list[RequestRecord], list[Row], list[Row]]:
        """The records that are sound, their rows, and those of their details."""
        good, rows, details = [], [], []
        for record in batch:
            try:
                row, more = row_of(record), details_of(record)
            except (ArithmeticError, AttributeError, TypeError, ValueError):
                self._queue.count(Drops().plus(record))
                continue
            good.append(record)
            rows.append(row)
            if more is not None:
                details.append(more)
        return good, rows, details

    def _write(
        self, batch: list[RequestRecord], rows: list[Row], details: list[Row], untold: Drops
    ) -> None:
        """Try until it is written, the data are refused, or the queue is closed."""
        pause = _FIRST_PAUSE
        last = False
        while not self._hopeless:
            try:
                self._store.write(rows, details, self._summed(untold))
                self._well(len(rows))
                return
            except (DataError, IntegrityError) as error:
                logger.warning("ledger %s refuses rows: %s", self._called, cause(error))
                self._queue.rest(pause)
                break
            except Exception as error:
                self._ill(error)
            self._hopeless = last
            last = self._queue.rest(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._give_up(batch, untold)

    def _give_up(self, batch: list[RequestRecord], untold: Drops) -> None:
        """``untold`` is part of the queue's total already."""
        drops = Drops()
        for record in batch:
            drops = drops.plus(record)
        self._queue.count(drops)
        self._queue.restore(untold)

    def _summed(self, untold: Drops) -> Row | None:
        if not untold:
            return None
        if not (isfinite(untold.time) and isfinite(untold.until)):
            untold = replace(untold, time=self._clock(), until=self._clock())
        return asdict(untold)

    def _prune(self) -> None:
        """A little at a time, so that the next batch does not wait long."""
        if time.monotonic() < self._tidy:
            return
        try:
            before = -inf if self._retention is None else self._clock() - self._retention
            more = self._store.prune(before, self._limit)
            more = self._store.roll(self._clock()) or more
            self._well(0)
        except Exception as error:
            self._ill(error)
            more = False
        self._tidy = time.monotonic() + (0.0 if more else TIDY_SECONDS)

    def _ill(self, error: Exception) -> None:
        """Told once, however often it is tried, and however often it comes back at once."""
        self._store.close()
        if self.failing is None and time.monotonic() - self._told >= TIDY_SECONDS:
            self._told = time.monotonic()
            self._telling = True
            logger.warning(
                "ledger %s cannot be written, requests are served and counted: %s",
                self._called,
                cause(error),
            )
        self.failing = cause(error)

    def _well(self, rows: int) -> None:
        self.written += rows
        self.failing = None
        if self._telling:
            self._telling = False
            logger.warning(
                "ledger %s is written again; %d requests have no row",
                self._called,
                self._queue.dropped.requests,
            )
