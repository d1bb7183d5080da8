"""What was made of long texts before, so that a prefix is cut and counted once and not again
with every request. Digests and numbers only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final

MOST_BYTES: Final = 16 << 20
_ENTRY_BYTES: Final = 400
"""What an entry takes beside its value."""


class Known:
    """Bounded in bytes; what was used longest ago goes first. Not safe across threads."""

    def __init__(self, limit_bytes: int = MOST_BYTES) -> None:
        self._limit = limit_bytes
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.bytes = 0
        """Of memory, roughly."""

    def __len__(self) -> int:
        return len(self._held)

    def of(self, *owner: str) -> Mine:
        """What one owner knows: whether another one has sent a text is not to be told by how
        long that text takes."""
        return Mine(self, owner)

    def get(self, key: Hashable) -> Any:
        """The value, or None."""
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: Any, weight: int) -> None:
        """Keep a value of ``weight`` bytes, unless it takes more than an eighth of all room."""
        weight += _ENTRY_BYTES
        if weight > self._limit // 8 or key in self._held:
            return
        self._held[key] = (value, weight)
        self.bytes += weight
        while self.bytes > self._limit:
            self.bytes -= self._held.popitem(last=False)[1][1]


class Mine:
    """One owner's part of a ``Known``."""

    __slots__ = ("_known", "_owner")

    def __init__(self, known: Known, owner: tuple[str, ...]) -> None:
        self._known = known
        self._owner = owner

    def get(self, *key: Hashable) -> Any:
        """The value, or None."""
        return self._known.get((self._owner, key))

    def put(self, value: Any, weight: int, *key: Hashable) -> None:
        """Keep it."""
        self._known.put((self._owner, key), value, weight)
