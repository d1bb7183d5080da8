"""A clock that tests can move, so that a TTL need not be waited for."""

from __future__ import annotations

import time
from collections.abc import Callable

LATEST = 253_402_300_799.0
"""The end of the year 9999, beyond which dates can't be written."""


class Clock:
    """Seconds since the epoch: real time plus what it was moved by, or standing still.

    It never goes back: entries that had expired would live again.
    """

    def __init__(self, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self._offset = 0.0
        self._stands_at: float | None = None
        self._latest = real()

    def now(self) -> float:
        """The time it shows."""
        shown = self._real() + self._offset if self._stands_at is None else self._stands_at
        self._latest = max(self._latest, shown)
        return self._latest

    def advance(self, seconds: float) -> None:
        """Move it on; ValueError for a step back, or beyond the year 9999."""
        if not 0 <= seconds <= LATEST - self.now():
            raise ValueError(
                f"advance takes seconds from 0 on, to the year 9999 at most, not {seconds}"
            )
        if self._stands_at is None:
            self._offset += seconds
        else:
            self._stands_at += seconds

    def move_to(self, moment: float) -> None:
        """Show this moment from now on; ValueError if it lies in the past."""
        now = self.now()
        if not now <= moment:
            raise ValueError(f"the clock can't go back from {now:.3f} to {moment}")
        self.advance(moment - now)

    def stop(self) -> None:
        """Stand still until ``run``; ``advance`` moves it all the same."""
        self._stands_at = self.now()

    def run(self) -> None:
        """Go on from where it stands."""
        if self._stands_at is not None:
            self._offset = self._stands_at - self._real()
            self._stands_at = None

    @property
    def stands(self) -> bool:
        """Whether it stands still."""
        return self._stands_at is not None
