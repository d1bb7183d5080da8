"""The contract of an index over replicas: which of them hold how much of a prompt.

A key is a packed string of symbols of one width, each standing for a piece of a prompt *and
everything before it* (a chained digest). ``ends[i]`` is the number of tokens through symbol i;
equal prefixes have equal counts. A replica is a small number, its *slot*, so that a set of
replicas is one int: bit ``1 << slot`` is set for each member.

No implementation does I/O, reads a clock or takes a lock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple


class Level(NamedTuple):
    """The replicas whose longest held prefix of a prompt ends in one place."""

    tokens: int
    replicas: int
    """A bit for each slot; never 0."""
    apart: float = 0.0
    """Tokens of the prompt that these do not hold and others do, each one divided by the
    square root of the number of ways in which what is held goes on behind it, the greatest
    such number there or further on: the more ways, the more requests a further copy serves."""


class Touched(NamedTuple):
    """What a replica held of a prompt before the prompt was sent there."""

    tick: int
    """Names this use: later ones are greater."""
    known: int
    """Tokens that were held before."""
    stages: tuple[tuple[int, int], ...]
    """Tokens through each stretch that was held, and the tick of the use before this one."""


class ReplicaHistory(ABC):
    """What replicas hold, as far as what was sent to them tells: each one is taken to be a
    prefix cache of a known capacity, least recently used symbols going first, leaves before
    what they hang on."""

    @abstractmethod
    def add(self, slot: int, capacity: int) -> None:
        """A replica with an empty cache of ``capacity`` tokens. ValueError if it is there."""

    @abstractmethod
    def remove(self, slot: int) -> None:
        """Forget a replica; the slot may be used again. KeyError, here and below, if it is
        not there."""

    @abstractmethod
    def resize(self, slot: int, capacity: int) -> None:
        """Another capacity; what is too much goes."""

    @abstractmethod
    def clear(self, slot: int) -> None:
        """The replica's cache was emptied."""

    @abstractmethod
    def match(self, key: bytes) -> list[Level]:
        """All replicas, those that hold most first. Changes nothing. ValueError, here and
        below, if the key is not whole symbols."""

    @abstractmethod
    def touch(self, slot: int, key: bytes, ends: Sequence[int]) -> Touched:
        """The replica was sent this prompt, and holds all of it now (as far as it fits)."""

    @abstractmethod
    def retract(self, slot: int, touched: Touched) -> None:
        """It never got there: what only that use put there goes."""

    @abstractmethod
    def expire(self, slot: int, tick: int) -> int:
        """Whatever was last used by this tick is gone; tokens that went."""

    @abstractmethod
    def held(self, slot: int) -> int:
        """Tokens that the replica is taken to hold."""
