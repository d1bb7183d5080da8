"""Background work in order, on a thread of its own, bounded in bytes."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

_MOST_JOBS = 20_000
_log = logging.getLogger(__name__)


class Lane:
    """A queue and the thread that empties it. Never blocks who submits."""

    def __init__(self, name: str, most_bytes: int) -> None:
        self.faults = 0
        self.queued_bytes = 0
        self._most_bytes = most_bytes
        self._jobs: deque[tuple[Callable[[], None], int]] = deque()
        self._changed = threading.Condition()
        self._submitted = self._done = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], None], size: int = 0) -> bool:
        """Queue a job that holds ``size`` bytes; False if there is no room for it."""
        with self._changed:
            full = size and self.queued_bytes + size > self._most_bytes
            if self._closed or full or len(self._jobs) >= _MOST_JOBS:
                return False
            self._jobs.append((job, size))
            self._submitted += 1
            self.queued_bytes += size
            self._changed.notify_all()
        return True

    def flush(self, deadline: float) -> bool:
        """Wait for all jobs submitted so far, until ``time.monotonic()`` is ``deadline``."""
        with self._changed:
            target = self._submitted
            while self._done < target:
                left = deadline - time.monotonic()
                if left <= 0 or not self._thread.is_alive():
                    return False
                self._changed.wait(left)
        return True

    def close(self) -> None:
        """Drop what is queued, end after the job under way."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._jobs and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                job, size = self._jobs.popleft()
            try:
                job()
            except Exception:
                self.faults += 1
                _log.exception("background work on a tier failed")
            # The job may hold a page: let go of it before waiting for the next one.
            del job
            with self._changed:
                self._done += 1
                self.queued_bytes -= size
                self._changed.notify_all()
