"""One publisher's numbered batches of KV events: what is missing, and what to do about it.

A publisher counts its batches from 0 and begins anew when it is restarted. Over ZMQ they come
in order, or, where a queue was full or a connection broke, not at all; the publisher keeps
the last ones to be asked for again, and these arrive beside the new ones.
"""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What to do with a batch."""

    APPLY = "apply"
    SKIP = "skip"
    """It was applied before."""
    REPLAY = "replay"
    """Some before it are missing: ask for those from ``Feed.next`` on, this one included."""
    RESTART = "restart"
    """The publisher began anew: forget what it held, then ask as for REPLAY, or apply it if
    its number is 0."""


class Feed:
    """Batches of one publisher. ``next`` is the number of the next one to apply."""

    def __init__(self) -> None:
        self.next = 0
        self.lost = 0
        """Batches that could not be had."""
        self.whole = True
        """Nothing was lost since the publisher began, or was last cleared."""
        self._ahead: set[int] = set()
        """Applied from a replay, not yet seen live."""

    def live(self, number: int) -> Verdict:
        """A batch that was just published."""
        if number == self.next:
            self.next += 1
            return Verdict.APPLY
        if number > self.next:
            return Verdict.REPLAY
        if number in self._ahead:
            self._ahead.discard(number)
            return Verdict.SKIP
        self._begin()
        if number == 0:
            self.next = 1
        return Verdict.RESTART

    def replayed(self, number: int) -> Verdict:
        """A batch that was asked for. APPLY or SKIP; a number beyond the next one means that
        those between are gone for good: ``whole`` is False from then on."""
        if number < self.next:
            return Verdict.SKIP
        if number > self.next:
            self._lose(number)
        self.next = number + 1
        self._ahead.add(number)
        if len(self._ahead) > 65536:
            self._ahead = {n for n in self._ahead if n > number - 32768}
        return Verdict.APPLY

    def gave_up(self, number: int) -> Verdict:
        """A replay did not bring what lies before this live batch."""
        if number < self.next:
            return Verdict.SKIP
        if number > self.next:
            self._lose(number)
        self.next = number + 1
        return Verdict.APPLY

    def cleared(self) -> None:
        """The replica holds nothing: whatever was lost does not matter any more."""
        self.whole = True

    def _lose(self, number: int) -> None:
        self.lost += number - self.next
        self.whole = False

    def _begin(self) -> None:
        self.next = 0
        self.whole = True
        self._ahead.clear()
