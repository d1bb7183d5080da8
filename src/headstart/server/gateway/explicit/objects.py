"""The cache objects that there are, by whose they are and what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from headstart.planner import Lease
from headstart.server.gateway.explicit.site import Site
from headstart.server.gateway.models import Model

MOST_OBJECTS: Final = 256
"""Each keeps the headers of the request that made it."""
_NEAR: Final = 5.0
"""Seconds before its end from which on an object is not used: it may be over on the way."""


class Group(NamedTuple):
    """Who shares objects: nobody beyond one tenant's one credential at one model."""

    tenant: str
    route: str
    model: str
    credential: str
    """A keyed digest."""


@dataclass(slots=True, repr=False, eq=False)
class Held:
    """One object."""

    name: str
    path: str
    key: Hashable
    group: Group
    count: int
    """Contents that it holds."""
    lease: Lease
    site: Site
    model: Model
    model_name: str
    billed: float
    """Until when its storage is in the ledger."""
    look: float = 0.0
    """When to look at it again."""
    busy: bool = False


class Objects:
    """Not safe across threads."""

    def __init__(self) -> None:
        self._held: dict[Hashable, Held] = {}
        self._counts: dict[Group, Counter[int]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(list(self._held.values()))

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    @property
    def full(self) -> bool:
        """There is no room for another one."""
        return len(self._held) >= MOST_OBJECTS

    def counts(self, group: Group) -> Collection[int]:
        """How many contents the objects of a group hold."""
        return self._counts.get(group, ())

    def ready(self, key: Hashable, now: float) -> Held | None:
        """The object of that prefix, if it will live long enough to be read."""
        held = self._held.get(key)
        return held if held is not None and now < held.lease.expires - _NEAR else None

    def add(self, held: Held) -> None:
        """There is one more."""
        self._held[held.key] = held
        self._counts.setdefault(held.group, Counter())[held.count] += 1

    def drop(self, held: Held) -> bool:
        """It is no more; False if that was known."""
        if self._held.get(held.key) is not held:
            return False
        del self._held[held.key]
        counts = self._counts[held.group]
        counts[held.count] -= 1
        if not counts[held.count]:
            del counts[held.count]
        if not counts:
            del self._counts[held.group]
        return True
