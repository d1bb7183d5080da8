"""What replicas have to do: tokens that wait for prefill, streams that run, and how much work
each was given lately."""

from __future__ import annotations

from math import exp
from typing import Final

WINDOW: Final = 30.0
"""Seconds: work that was given so long ago counts 1/e."""
_MOST: Final = 60.0
"""Windows after which the sums are brought back to a small scale."""


class Loads:
    """By slot. Times are seconds on one clock; one that goes back is held where it was."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._origin = self._now = 0.0
        self._work: dict[int, float] = {}
        self.waiting: dict[int, int] = {}
        """Tokens given to a replica and not yet prefilled, as far as first bytes tell."""
        self.running: dict[int, int] = {}
        """Requests whose first byte came, and whose end did not."""

    def add(self, slot: int) -> None:
        """A replica without any work."""
        self._work[slot] = 0.0
        self.waiting[slot] = self.running[slot] = 0

    def remove(self, slot: int) -> None:
        """Forget one."""
        del self._work[slot], self.waiting[slot], self.running[slot]

    def work(self, now: float) -> tuple[dict[int, float], float]:
        """Tokens to prefill that each was given, the older the less; to be multiplied by the
        second value. Not a copy."""
        return self._work, exp((self._origin - self._tick(now)) / self._window)

    def given(self, slot: int, tokens: int, now: float) -> None:
        """So many tokens have to be prefilled there."""
        at = self._tick(now)
        if at - self._origin > _MOST * self._window:
            scale = exp((self._origin - at) / self._window)
            self._work = {slot: work * scale for slot, work in self._work.items()}
            self._origin = at
        self._work[slot] += tokens * exp((at - self._origin) / self._window)
        self.waiting[slot] += tokens

    def begun(self, slot: int, tokens: int) -> None:
        """These are prefilled: the answer begins."""
        self.waiting[slot] -= tokens
        self.running[slot] += 1

    def taken_back(self, slot: int, tokens: int) -> None:
        """These never will be."""
        self.waiting[slot] -= tokens

    def over(self, slot: int) -> None:
        """A request that had begun has come to its end."""
        self.running[slot] -= 1

    def _tick(self, now: float) -> float:
        self._now = max(self._now, now)
        return self._now
