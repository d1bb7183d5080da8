"""What a planner has had written: which prefixes an entry protects, and until when."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

MOST_HELD: Final = 32_768


class Entry(NamedTuple):
    """``expiry`` on the planner's clock; ``ttl`` in seconds."""

    expiry: float
    ttl: float


class Held:
    """Entries by the prefix's digest; the one written or read longest ago goes first. A
    forgotten entry costs a premium too many, never a wrong answer."""

    def __init__(self, limit: int = MOST_HELD) -> None:
        self._limit = limit
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, prefix: bytes) -> Entry | None:
        """The entry that was written for a prefix, expired or not."""
        return self._entries.get(prefix)

    def write(self, prefix: bytes, now: float, ttl: float) -> None:
        """An entry is written, or read, at ``now``; it keeps the later of two ends."""
        old = self._entries.get(prefix)
        if old is None or old.expiry < now + ttl:
            self._entries[prefix] = Entry(now + ttl, ttl)
        self._entries.move_to_end(prefix)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def drop(self, prefix: bytes) -> None:
        """It turned out not to be there."""
        self._entries.pop(prefix, None)
