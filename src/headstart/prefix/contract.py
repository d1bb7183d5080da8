"""The contract of a prefix index: what was seen, where it diverges, what may go.

A key is a packed string of fixed-width symbols: 4-byte token ids or 8-byte block hashes,
native byte order. The index works in *pages* of ``page`` symbols; only whole pages are
stored, so every length in this module is a multiple of ``page``. Each page carries one
``slot``, an int the owner of the index gives a meaning to (a row of a KV arena, say).

No implementation does I/O, reads a clock or takes a lock: time is an argument (seconds on
any monotonic scale), and callers that share an index between threads serialise access.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator
from typing import NamedTuple


class Scope(NamedTuple):
    """Who may see a node: a tenant's own scope, optionally below an operator-shared one.

    ``Scope("acme")`` is acme's own tree. ``Scope("acme", shared="ops")`` first walks what
    the operator wrote under ``Scope("ops")`` and continues in acme's own nodes below it.
    Two tenants never share a node, whatever their keys; only ``Scope("ops")`` writes
    shared nodes. A ``salt`` narrows the tenant's own part further: two salts share no node,
    and are still one tenant to counts, eviction and ``drop``.
    """

    tenant: str
    shared: str | None = None
    salt: str = ""


class Match(NamedTuple):
    """The longest stored prefix of a key. ``length`` counts symbols."""

    length: int
    slots: array[int]


class Inserted(NamedTuple):
    """``present`` symbols were stored before; slots given for them were *not* taken."""

    present: int
    length: int


class Evicted(NamedTuple):
    """Slots the index gave up, and how many unexpired leases had to be broken for them."""

    slots: array[int]
    leases_broken: int


class SizeInfo(NamedTuple):
    """All counts are pages, except ``nodes`` and ``leaves``.

    ``locked``, ``pinned`` and ``leased`` count pages with such a hold at or below them, so
    one page may be in several. ``evictable`` is what ``evict`` could give up now, leases
    intact. Leases count as unexpired up to the latest ``now`` the index was told.
    """

    pages: int
    locked: int
    pinned: int
    leased: int
    evictable: int
    nodes: int
    leaves: int


class Entry(NamedTuple):
    """One stored prefix, for listings: a node's path from its root."""

    scope: str
    salt: str
    key: bytes
    pages: int
    hits: int
    created: float
    last_access: float
    leased_until: float
    pinned: bool


class Lock:
    """Handle of one locked path, ``length`` symbols long; release it exactly once."""

    __slots__ = ("length",)

    length: int


class PrefixIndex(ABC):
    """Longest-prefix index with locks, pins, leases and leaf-only eviction."""

    page: int
    width: int

    @abstractmethod
    def match(self, key: bytes, scope: Scope, now: float) -> Match:
        """Longest stored prefix; counts as a use and a hit of every node on the path.

        ValueError, here and below, if ``key`` is not whole pages.
        """

    @abstractmethod
    def peek(self, key: bytes, scope: Scope) -> Match:
        """As ``match``, but changes nothing."""

    @abstractmethod
    def insert(
        self, key: bytes, slots: array[int], scope: Scope, now: float, start: int = 0
    ) -> Inserted:
        """Store ``key`` (whole pages); ``slots`` are those of the pages from ``start`` on.

        Pages already present keep their old slots: the caller still owns the slots of
        ``key[start:present]``. Counts as a use, not as a hit. With a shared scope the new
        pages are the tenant's own, below the longest match. ValueError if ``start`` lies
        beyond what is present, or if the number of slots does not fit.
        """

    @abstractmethod
    def lock(self, key: bytes, scope: Scope) -> Lock:
        """Protect the stored prefix of ``key`` from eviction until ``unlock``."""

    @abstractmethod
    def unlock(self, lock: Lock, now: float) -> None:
        """Undo one ``lock``; counts as a use. ValueError the second time."""

    @abstractmethod
    def pin(self, key: bytes, scope: Scope) -> int:
        """Protect the stored prefix of ``key`` until ``unpin``; returns its length.

        A pin belongs to the tenant that gave it; giving it twice is giving it once.
        """

    @abstractmethod
    def unpin(self, key: bytes, scope: Scope, now: float) -> bool:
        """True if this tenant had pinned exactly this prefix. No use: it goes back to its
        old place in the eviction order."""

    @abstractmethod
    def lease(self, key: bytes, scope: Scope, until: float, now: float) -> int:
        """Keep the stored prefix of ``key`` until a time; the later of two leases wins.

        Returns its length in symbols. Ancestors are kept by the leaf-only rule. A lease
        belongs to the tenant that took it, on shared nodes too. When it ends, the prefix
        goes back to its old place in the eviction order.
        """

    @abstractmethod
    def break_lease(self, scope: Scope, now: float) -> int:
        """End the lease of this tenant that expires first; returns the pages that are no
        longer leased (0 if the tenant holds no lease).

        A lease whose pages a longer-lived one keeps too frees none: it ends as well, and
        the next one is tried.
        """

    @abstractmethod
    def evict(
        self, pages: int, now: float, scope: str | None = None, break_leases: bool = False
    ) -> Evicted:
        """Give up at most ``pages`` pages, from the tails of leaves, never locked or pinned.

        ``scope`` limits it to one scope's nodes. Unexpired leases are kept unless
        ``break_leases`` (then: soonest to expire first, and only after all else is gone).
        A lease is only broken if that may make room: not one on a locked or pinned path.
        Fewer slots than asked for come back when nothing more may go.
        """

    @abstractmethod
    def drop(self, scope: str) -> array[int]:
        """Forget every unlocked node of one scope, leased and pinned ones too.

        What tenants stored below a shared node goes with it. Locked nodes stay until they
        are evicted or dropped again, without pins or leases.
        """

    @abstractmethod
    def remove(self, key: bytes, scope: Scope) -> array[int]:
        """Forget the prefix ``key`` and all that continues it, and those pages before it of
        the same owner that nothing else needs: no other branch, pin, lease or lock.

        Pins and leases on what is forgotten end. Locked pages stay, without them. Nothing
        happens unless all of ``key`` is stored.
        """

    @abstractmethod
    def size_info(self, scope: str | None = None) -> SizeInfo:
        """Counts, over all scopes or one of them."""

    @abstractmethod
    def entries(self, scope: str | None = None) -> Iterator[Entry]:
        """Every path that its scope continues no further, and every leased or pinned one."""

    @abstractmethod
    def check_integrity(self) -> None:
        """AssertionError naming the first broken invariant; walks everything."""
