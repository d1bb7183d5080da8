"""Ways to choose a replica: ours, and those that it is held against."""

from __future__ import annotations

import math
import random
import time
from abc import ABC, abstractmethod
from collections import deque
from hashlib import blake2b
from typing import Final

from benchmarks.routing_parts.load import Ask
from headstart.planner.affinity import Affinity, Asked, HistoryTree, Sent

FAMILY_TOKENS: Final = 512
"""Of a prompt's start, by which consistent hashing places it."""
BOUND: Final = 1.25
"""Of the mean of requests under way, that consistent hashing allows."""


class Policy(ABC):
    """Told of each request when it is sent and when its prompt is prefilled. ``waiting`` has
    the prompt tokens of those in between, by replica."""

    def __init__(self, replicas: int, blocks: int, size: int) -> None:
        """``blocks`` of ``size`` tokens fit into each replica's cache."""
        self.count = replicas
        self.size = size
        self.waiting = [0] * replicas
        self.requests = [0] * replicas
        self.rng = random.Random(3)

    @abstractmethod
    def pick(self, session: int, ask: Ask, now: float) -> int:
        """A replica."""

    def sent(self, replica: int, ask: Ask, now: float) -> None:
        self.waiting[replica] += ask.tokens
        self.requests[replica] += 1

    def done(self, replica: int, ask: Ask) -> None:
        self.waiting[replica] -= ask.tokens
        self.requests[replica] -= 1

    def least(self) -> int:
        """The one with the fewest tokens waiting, any of several."""
        fewest = min(self.waiting)
        return self.rng.choice([r for r in range(self.count) if self.waiting[r] == fewest])


class RoundRobin(Policy):
    """One after the other."""

    turn = 0

    def pick(self, session: int, ask: Ask, now: float) -> int:
        self.turn += 1
        return self.turn % self.count


class LeastLoaded(Policy):
    """By prompt tokens under way."""

    def pick(self, session: int, ask: Ask, now: float) -> int:
        return self.least()


class SessionAffinity(Policy):
    """A session stays where its first call went: to the least loaded."""

    def __init__(self, replicas: int, blocks: int, size: int) -> None:
        super().__init__(replicas, blocks, size)
        self._homes: dict[int, int] = {}

    def pick(self, session: int, ask: Ask, now: float) -> int:
        return self._homes.setdefault(session, self.least())


class ConsistentHashing(Policy):
    """By the prompt's first tokens, with bounded loads (Mirrokni et al., 2018)."""

    def pick(self, session: int, ask: Ask, now: float) -> int:
        family = ask.blocks[: max(1, FAMILY_TOKENS // self.size)].tobytes()
        limit = math.ceil(BOUND * (sum(self.requests) + 1) / self.count)
        ring = sorted(range(self.count), key=lambda r: _hash(family + r.to_bytes(4, "big")))
        return next((r for r in ring if self.requests[r] < limit), ring[0])


class Ours(Policy):
    """``planner/affinity``, from its own history. ``seconds`` is what it took."""

    def __init__(self, replicas: int, blocks: int, size: int) -> None:
        super().__init__(replicas, blocks, size)
        self.affinity = Affinity(HistoryTree(width=4))
        for number in range(replicas):
            self.affinity.add(str(number), blocks * size)
        self.seconds: list[float] = []
        self._queues: list[deque[Sent]] = [deque() for _ in range(replicas)]

    def pick(self, session: int, ask: Ask, now: float) -> int:
        key, size = ask.blocks.tobytes(), self.size
        ends = range(size, len(ask.blocks) * size + 1, size)
        asked = Asked(key, ends, ask.tokens, key[: 4 * max(1, FAMILY_TOKENS // size)])
        since = time.perf_counter()
        choice = self.affinity.choose(asked, now)
        assert choice is not None
        self._queues[choice.slot].append(self.affinity.sent(choice, asked, now))
        self.seconds.append(time.perf_counter() - since)
        return choice.slot

    def done(self, replica: int, ask: Ask) -> None:
        super().done(replica, ask)
        self.affinity.ended(self._queues[replica].popleft())


POLICIES: Final[dict[str, type[Policy]]] = {
    "round robin": RoundRobin,
    "least loaded": LeastLoaded,
    "session affinity": SessionAffinity,
    "consistent hashing": ConsistentHashing,
    "ours": Ours,
}


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=8).digest()
