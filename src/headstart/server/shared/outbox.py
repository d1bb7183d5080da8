"""Facts that wait to be sent: bounded, the oldest go first."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import Final

from headstart.planner import Fact
from headstart.server.shared.wire import Entries

MOST_WAITING: Final = 20_000
"""About 12 MB."""
BATCH: Final = 128


class Outbox:
    """Filled on the event loop by requests, emptied by one task of the same loop."""

    def __init__(self, counts: Counter[str], limit: int = MOST_WAITING) -> None:
        self._counts = counts
        self._limit = limit
        self._waiting: deque[Fact | Entries] = deque()
        self.filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: Fact | Entries) -> None:
        """Waits for nobody."""
        self._waiting.append(item)
        if len(self._waiting) > self._limit:
            self._waiting.popleft()
            self._counts["dropped"] += 1
        self.filled.set()

    def take(self) -> tuple[list[Fact], list[Entries]]:
        """The next batch's."""
        items = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        if not self._waiting:
            self.filled.clear()
        facts = [item for item in items if isinstance(item, Fact)]
        return facts, [item for item in items if isinstance(item, Entries)]
