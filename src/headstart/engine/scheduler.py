"""Who is next: admission, prefill order, and who waits for whom.

A step is one prefill chunk of one request, or one decode step of all that are decoding.
Chunks end at absolute multiples of the chunk size, so that a prompt is cut at the same
places whatever was cached, and so that no stream waits longer than one chunk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from headstart.engine.request import Running


class Scheduler:
    """Queues only; moves no tensor and takes no lock."""

    def __init__(self, chunk: int, unit: int, max_running: int) -> None:
        """``unit``: fewest tokens that can be reused, 1 or a whole chunk."""
        self.chunk = chunk
        self._unit = unit
        self._max_running = max_running
        self._oldest_first = False
        self.waiting: deque[Running] = deque()
        self.running: list[Running] = []

    def admissible(self) -> Running | None:
        """The next request to give a lane, if there may be one more."""
        if self.waiting and len(self.running) < self._max_running:
            return self.waiting[0]
        return None

    def admit(self) -> None:
        """Move the request that ``admissible`` named."""
        self.running.append(self.waiting.popleft())

    def decoding(self) -> list[Running]:
        """Requests whose next step is to decode one token."""
        return [r for r in self.running if r.prefilled]

    def prefilling(self) -> list[Running]:
        """Requests whose prompt is not done."""
        return [r for r in self.running if not r.prefilled]

    def next_prefill(self) -> Running | None:
        """The request whose chunk runs next; all must have read what the cache holds.

        In turn the one with least left to do, so that a hit is not held up by a long cold
        prompt, and the one that came first, so that the long prompt gets through. If an
        earlier request is about to compute the tokens that this one needs next, that one
        runs in its place, and this one will read them.
        """
        pending = self.prefilling()
        if not pending:
            return None
        self._oldest_first = not self._oldest_first
        if self._oldest_first:
            return min(pending, key=lambda r: r.arrival)
        chosen = min(pending, key=lambda r: (len(r.tokens) - r.done, r.arrival))
        while (leader := self._leader(chosen, pending)) is not None:
            chosen = leader
        return chosen

    def chunk_end(self, request: Running) -> int:
        """Where the request's next chunk ends."""
        return min(len(request.tokens), (request.done // self.chunk + 1) * self.chunk)

    def preempt(self, keep: Running) -> Running | None:
        """Put the latest other request back to the head of the queue; None if alone."""
        others = [r for r in self.running if r is not keep]
        if not others:
            return None
        victim = max(others, key=lambda r: r.arrival)
        self.running.remove(victim)
        self.waiting.appendleft(victim)
        return victim

    def remove(self, request: Running) -> None:
        """Forget a request, wherever it is."""
        if request in self.running:
            self.running.remove(request)
        elif request in self.waiting:
            self.waiting.remove(request)

    def all(self) -> Iterable[Running]:
        """Every request known."""
        return [*self.running, *self.waiting]

    def _leader(self, request: Running, pending: list[Running]) -> Running | None:
        """An earlier request that is about to compute what this one needs next."""
        for other in pending:
            if (
                other.arrival < request.arrival
                and other.done == request.done
                and request.shares(other, self._unit)
            ):
                return other
        return None
