"""Episodes under way: prefixes that were used, each waiting for its next use."""

from __future__ import annotations

from collections import OrderedDict, deque
from math import inf
from typing import Final

from headstart.planner.gaps import BINS, EDGES, Class, bin_of

MOST_EPISODES: Final = 16_384


class Episode:
    """Of one prefix. ``number`` is the bin of age up to which it was counted at risk."""

    __slots__ = ("kind", "number", "open", "start")

    def __init__(self, kind: Class, start: float) -> None:
        self.kind = kind
        self.start = start
        self.number = 0
        self.open = True


class Episodes:
    """By the prefix's digest. Each episode stands in the queue of its bin, in the order of
    its start, so that growing older costs a step a bin and never a look at all of them."""

    def __init__(self, limit: int = MOST_EPISODES) -> None:
        self._limit = limit
        self._held: OrderedDict[bytes, Episode] = OrderedDict()
        self._queues: tuple[deque[tuple[bytes, Episode]], ...] = tuple(deque() for _ in range(BINS))
        self._queued = 0
        self._due = -inf
        """No bin is outgrown before that."""

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, prefix: bytes) -> bool:
        return prefix in self._held

    def begin(self, prefix: bytes, kind: Class, now: float) -> None:
        """A prefix is used; an episode of it that was under way has ended with that."""
        self.use(prefix, now)
        episode = self._held[prefix] = Episode(kind, now)
        kind.entered(0)
        queue = self._queues[0]
        while queue and not queue[0][1].open:
            queue.popleft()
            self._queued -= 1
        queue.append((prefix, episode))
        self._queued += 1
        self._due = min(self._due, now + EDGES[1] - 0.01)
        if len(self._held) > self._limit:
            self._held.popitem(last=False)[1].open = False
        if self._queued > 2 * self._limit:
            self._sweep()

    def use(self, prefix: bytes, now: float) -> float | None:
        """A prefix is used again: its gap in seconds; None if none was under way."""
        episode = self._held.pop(prefix, None)
        if episode is None:
            return None
        episode.open = False
        gap = max(0.0, now - episode.start)
        last = min(bin_of(gap), BINS - 1)
        kind = episode.kind
        for number in range(episode.number, last):
            kind.passed(number)
            kind.entered(number + 1)
        kind.used(last)
        return gap

    def advance(self, now: float) -> None:
        """Time goes on: whoever grew out of a bin was at risk in it to its end."""
        if now < self._due:
            return
        for number, queue in enumerate(self._queues):
            edge = now - EDGES[number + 1]
            while queue and (not queue[0][1].open or queue[0][1].start <= edge):
                prefix, episode = queue.popleft()
                self._queued -= 1
                if episode.open:
                    self._outgrown(prefix, episode, number)
        # A little early: sums of large times and small ones are rounded.
        self._due = min(
            (
                queue[0][1].start + EDGES[n + 1] - 0.01
                for n, queue in enumerate(self._queues)
                if queue
            ),
            default=inf,
        )

    def _outgrown(self, prefix: bytes, episode: Episode, number: int) -> None:
        episode.kind.passed(number)
        if number + 1 < BINS:
            episode.kind.entered(number + 1)
        episode.number = number + 1
        if number + 1 < BINS:
            self._queues[number + 1].append((prefix, episode))
            self._queued += 1
        else:
            del self._held[prefix]

    def _sweep(self) -> None:
        """Forget what has ended and still stands in line."""
        for queue in self._queues:
            kept = [item for item in queue if item[1].open]
            queue.clear()
            queue.extend(kept)
        self._queued = sum(map(len, self._queues))
