"""Whether a replica takes requests: told by probes, and by what becomes of requests."""

from __future__ import annotations

from enum import Enum
from typing import Final

FAILURES: Final = 3
"""Bad answers in a row after which a replica counts as down; one that can't be reached does
at once."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds until a replica that is down is probed again, doubling each time."""


class State(Enum):
    """What may be sent to it."""

    UP = "up"
    TRYING = "trying"
    """It was down and answers probes again: what becomes of one request decides."""
    DOWN = "down"


class Health:
    """One replica's state. No clock, no I/O: times are arguments, seconds on one clock."""

    def __init__(self) -> None:
        self.state = State.UP
        self.due = 0.0
        """When the next probe is."""
        self.cold = False
        """It could not be reached, so that its process is taken to have ended, and what it
        held in memory with it. Whoever acts on it resets it."""
        self._failures = 0
        self._bad_probes = 0
        self._pause = FIRST_PAUSE

    def probed(self, good: bool, reached: bool, now: float, interval: float) -> None:
        """A probe's outcome; ``reached``: a connection was made."""
        self.cold = self.cold or not reached
        self._bad_probes = 0 if good else self._bad_probes + 1
        self.due = now + interval
        if good and self.state is State.DOWN:
            self.state = State.TRYING
        elif not good and (
            not reached or self.state is not State.UP or self._bad_probes >= FAILURES
        ):
            self._down(now)

    def answered(self) -> None:
        """A request was answered."""
        self.state, self._failures = State.UP, 0

    def unreached(self, now: float) -> None:
        """A request found nobody there."""
        self.cold = True
        if self.state is not State.DOWN:
            self._down(now)

    def failed(self, now: float) -> None:
        """A request got a bad answer, or none."""
        self._failures += 1
        if self.state is State.TRYING or (self.state is State.UP and self._failures >= FAILURES):
            self._down(now)

    def _down(self, now: float) -> None:
        fell = self.state is State.UP
        self._pause = FIRST_PAUSE if fell else min(LONGEST_PAUSE, 2 * self._pause)
        self.state = State.DOWN
        self.due = now + self._pause
