"""What passes between an engine and the store below its memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from headstart.kv.tiers.contract import Buffer, PageKey, TierStats

Payload = Buffer | Callable[[], Buffer | None]
"""A page's bytes, or how to get them when they are written."""


class Sink(Protocol):
    """Where loaded pages go. Both methods are called on the thread that called ``load``,
    in page order; ``target`` runs some pages ahead of ``commit``."""

    def target(self, page: int) -> Sequence[memoryview] | None:
        """Writable byte buffers for a page's payload (``Fingerprint.page_bytes`` in all, at
        most 1,000 pieces), or None to load no further.

        What is in them is undefined until ``commit(page)``, and for good if that does not
        come: show it to nobody.
        """

    def commit(self, page: int) -> None:
        """The page's buffers now hold its verified payload."""


@dataclass(frozen=True)
class Prefix:
    """The full pages of one request's tokens, named for the scopes that it may read.

    Computed once a request by ``TieredStore.prefix``. Names nothing any more once its
    tenant is forgotten.
    """

    tenant: str
    keys: tuple[PageKey, ...]
    """In the tenant's own scope: where its pages are written."""
    shared: tuple[PageKey, ...] = ()
    """The same pages in the operator's scope, read first."""

    @property
    def pages(self) -> int:
        """Full pages."""
        return len(self.keys)


class Located(NamedTuple):
    """Pages ``first ... first + len(keys) - 1`` of a prefix and the tier that has each."""

    first: int
    keys: tuple[PageKey, ...]
    tiers: tuple[int, ...]
    """Index into ``TieredStore.tiers``, one a page."""
    prefix: Prefix

    @property
    def stop(self) -> int:
        """The page after the last one located."""
        return self.first + len(self.keys)


class Loaded(NamedTuple):
    """What ``load`` did. ``by_tier[i]`` pages came from tier i."""

    pages: int
    by_tier: tuple[int, ...]


class StoredPrefix(NamedTuple):
    """One stored prefix in one tier: a last page and all before it. Times in Unix seconds,
    0 for none."""

    tier: str
    tenant: str
    """"" if this store holds no key that names it (forgotten, or another store's)."""
    model: str
    """Fingerprint, hex."""
    name: str
    """Of its last page: names the prefix in ``pin``, ``unpin`` and ``evict``."""
    tokens: int
    size: int
    """Bytes of its pages, those shared with other prefixes included."""
    hits: int
    used: float
    leased_until: float
    pinned: bool


class StoreStats(NamedTuple):
    """Counters since start; ``queued_bytes`` is a gauge."""

    tiers: dict[str, TierStats]
    queued_bytes: int
    offered: int
    dropped: int
    """Pages not written because the write-back queue was full."""
    loaded: int
    damaged: int
    promoted: int
    faults: int
    """Errors in background work."""
