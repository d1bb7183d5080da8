"""The contract of a tier: objects of bytes by page key, under a byte limit of its own.

A tier knows nothing of models or secrets: it keeps what it is given and says what it has.
It may lose any object at any time, and it may return wrong bytes: the store verifies all
it reads. Methods may be called from any thread.

Recency is a sequence number, never a clock. Leases are absolute wall-clock times (Unix
seconds): a clock that jumps forward ends them early by the jump, one that jumps back makes
them last longer by it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Buffer = bytes | bytearray | memoryview
Seen = Callable[[memoryview], None]
RETAIN_SHARE = 0.5
"""Most of a tier's limit that pins may hold, and most of what pins leave that leases may."""


def ignore(_: memoryview) -> None:
    """Look at nothing."""


class TierError(Exception):
    """Base of what this package raises."""


class PinBudgetExceeded(TierError):
    """Pinning these pages would pin more than ``RETAIN_SHARE`` of the tier."""

    def __init__(self, wanted: int, budget: int) -> None:
        """Bytes that would be pinned, and how many may be."""
        super().__init__(f"{wanted} bytes would be pinned, {budget} may be")
        self.wanted = wanted
        self.budget = budget


class TierUnavailable(TierError):
    """The tier can't be opened or reached; the text says why."""


class PageKey(NamedTuple):
    """Where a page belongs. All but ``page`` are lower-case hex."""

    model: str
    """Fingerprint, 32 digits."""
    scope: str
    """Scope id of the tenant, 32 digits."""
    name: str
    """Object name, 40 digits; unique over all models and scopes."""
    parent: str
    """Name of the page before it; 40 zeros for page 0."""
    page: int
    """Page number in its prefix, from 0."""


ROOT = "0" * 40
"""``PageKey.parent`` of a first page."""


class Selection(NamedTuple):
    """Which pages an operator means; empty fields match everything."""

    model: str = ""
    scope: str = ""
    name: str = ""
    """This page and every page that continues it."""


EVERYTHING = Selection()


class TierEntry(NamedTuple):
    """One stored page, for listings. Times in Unix seconds; 0: none or unknown."""

    key: PageKey
    size: int
    hits: int
    used: float
    leased_until: float
    pinned: bool


class TierStats(NamedTuple):
    """Gauges in bytes and objects; counters since this process opened the tier."""

    limit_bytes: int
    stored_bytes: int
    objects: int
    pinned_bytes: int
    leased_bytes: int
    hits: int
    """Pages read."""
    misses: int
    """Reads of pages that were listed and not there."""
    stored: int
    evicted: int
    damaged: int
    """Pages that failed verification."""
    dropped: int
    """Writes given up: no room, a full disk, a tier that is paused."""
    errors: int
    """Operations that failed or timed out."""
    leases_broken: int
    paused: bool
    """Not writing (disk) or not being asked (remote) for the time being."""


@dataclass(slots=True)
class Counters:
    """The counters among ``TierStats``. Adding to one is not atomic: near enough."""

    hits: int = 0
    misses: int = 0
    stored: int = 0
    evicted: int = 0
    damaged: int = 0
    dropped: int = 0
    errors: int = 0
    leases_broken: int = 0


class Tier(ABC):
    """Pages under a byte limit. No method raises on I/O failure: it counts it and answers
    as if the page were not there (``Guard`` sees to that for remote tiers)."""

    name: str
    """For people and metrics: "memory", "disk", "s3", "valkey"."""
    local: bool
    """True if reads cost no network."""

    @property
    def paused(self) -> bool:
        """Whether writes are refused for the time being."""
        return False

    @abstractmethod
    def has(self, keys: Sequence[PageKey]) -> int:
        """How many leading keys are there. Changes nothing."""

    @abstractmethod
    def get(self, key: PageKey) -> Buffer | None:
        """The whole object; None if absent. Not to be written to."""

    def expect(self, key: PageKey) -> None:  # noqa: B027  # nothing to do is an answer
        """The page is about to be read: a hint, answered at once."""

    @abstractmethod
    def read(self, key: PageKey, into: Sequence[memoryview], seen: Seen = ignore) -> int | None:
        """Read the object into writable buffers, in order.

        ``seen`` is called with each piece of them once it is filled and still in the
        processor's cache; it may change it. Returns the object's size, None if it is absent. If
        that is not the sum of the buffers' sizes they hold nothing of use.
        """

    @abstractmethod
    def put(self, key: PageKey, parts: Sequence[Buffer]) -> bool:
        """Store the concatenated parts, evicting for them; True if it is there afterwards.

        An object already present stays as it is. Never evicts the page before it, nor a
        leased or pinned one, nor a page that another one continues: what goes is always
        the tail of a prefix.
        """

    @abstractmethod
    def touch(self, keys: Sequence[PageKey], now: float) -> None:
        """Count a use of each key: a chain from its first page on, deepest used first."""

    @abstractmethod
    def delete(self, key: PageKey, damaged: bool = False) -> None:
        """Remove one object; a damaged one is set aside for inspection where possible."""

    @abstractmethod
    def drop(self, which: Selection) -> int:
        """Remove every page that matches, leased and pinned ones too; returns how many."""

    @abstractmethod
    def lease(self, keys: Sequence[PageKey], until: float, now: float) -> int:
        """Keep those of the keys that are there until a wall-clock time; the later of two
        leases wins. Returns how many. Leases beyond their budget end, the soonest to expire
        first, and are counted."""

    @abstractmethod
    def pin(self, keys: Sequence[PageKey]) -> int:
        """Keep those of the keys that are there until ``unpin``; PinBudgetExceeded."""

    @abstractmethod
    def unpin(self, keys: Sequence[PageKey]) -> int:
        """Undo ``pin``; returns how many were pinned."""

    @abstractmethod
    def entries(self, which: Selection = EVERYTHING) -> Iterator[TierEntry]:
        """Every stored page that matches."""

    @abstractmethod
    def stats(self) -> TierStats:
        """Gauges and counters."""

    @abstractmethod
    def close(self) -> None:
        """Release files and connections; no other method may be called afterwards."""
