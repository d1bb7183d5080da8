"""What a provider with breakpoints holds: entries by the key of the prefix they end.

Looking an entry up, writing one and making room cost the same however many there are. An
entry that has expired stays until room is short, as the reason of a miss.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec

from headstart.usage import MissReason

Entry = tuple[float, float]
"""When it expires, and its TTL, in seconds."""


class Saved(msgspec.Struct, array_like=True, frozen=True):
    """All of it, least recently used first."""

    held: list[tuple[bytes, float, float]]
    gone: list[tuple[bytes, MissReason]]


class Entries:
    """At most ``limit`` entries; the least recently used one goes for a new one."""

    __slots__ = ("gone", "held", "limit", "pending")

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"room for at least 1 entry, not {limit}")
        self.limit: Final = limit
        self.held: Final[OrderedDict[bytes, Entry]] = OrderedDict()
        """Live and expired; read directly, written here alone."""
        self.gone: Final[OrderedDict[bytes, MissReason]] = OrderedDict()
        """Why there is no entry where one might be expected."""
        self.pending: Final[OrderedDict[bytes, int]] = OrderedDict()
        """Keys being written -> by how many requests."""

    def write(self, key: bytes, expiry: float, ttl: float) -> None:
        """A new entry. Of two requests that write the same, the one that lasts longer counts."""
        held = self.held
        old = held.get(key)
        if old is None:
            held[key] = (expiry, ttl)
            if self.gone:
                self.gone.pop(key, None)
            if len(held) > self.limit:
                held.popitem(last=False)
            return
        if expiry > old[0]:
            held[key] = (expiry, ttl)
        held.move_to_end(key)

    def use(self, key: bytes, expiry: float, ttl: float) -> None:
        """A read: the entry, if it is still there, has this TTL and lives at least so long."""
        old = self.held.get(key)
        if old is not None:
            self.held[key] = (max(expiry, old[0]), ttl)
            self.held.move_to_end(key)

    def drop(self, key: bytes, reason: MissReason) -> None:
        """There is no entry, and that is why."""
        self.held.pop(key, None)
        self.gone[key] = reason
        self.gone.move_to_end(key)
        if len(self.gone) > self.limit:
            self.gone.popitem(last=False)

    def promise(self, keys: Iterable[bytes]) -> None:
        """A request went out that will write them."""
        pending = self.pending
        for key in keys:
            pending[key] = pending.get(key, 0) + 1
        while len(pending) > self.limit:
            pending.popitem(last=False)

    def settle(self, keys: Iterable[bytes]) -> None:
        """That request has written them, or never will."""
        pending = self.pending
        for key in keys:
            count = pending.get(key, 0)
            if count > 1:
                pending[key] = count - 1
            elif count:
                del pending[key]

    def save(self) -> Saved:
        """Entries and reasons; not what is under way."""
        return Saved([(key, *entry) for key, entry in self.held.items()], list(self.gone.items()))

    def load(self, saved: Saved) -> None:
        """Into an empty one; of more than ``limit`` entries, those used last."""
        self.held.update((key, (expiry, ttl)) for key, expiry, ttl in saved.held[-self.limit :])
        self.gone.update(saved.gone[-self.limit :])
