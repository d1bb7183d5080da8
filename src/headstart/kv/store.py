"""The store below an engine's memory: probe, load and write back pages, tier by tier.

A request's way through it::

    prefix = store.prefix(tokens, scope)            # names, once
    located = store.probe(prefix, first)            # what memory lacks and a tier has
    store.load(located, sink)                       # read, verify, decrypt into memory
    ... prefill the rest ...
    for page in store.wanted(prefix):               # in the background from here on
        store.offer(prefix, page, payload)
    store.lease(prefix, until)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from headstart.kv.chain import chain, names
from headstart.kv.fetch import Fetcher
from headstart.kv.fingerprint import Fingerprint
from headstart.kv.format import Codec
from headstart.kv.keyring import Keyring, KeyringError, TenantKeys
from headstart.kv.listing import prefixes, walk_up
from headstart.kv.pages import Loaded, Located, Payload, Prefix, Sink, StoredPrefix, StoreStats
from headstart.kv.tiers.contract import ROOT, PageKey, PinBudgetExceeded, Selection, Tier
from headstart.kv.writeback import WriteBack
from headstart.prefix import Scope

QUEUE_BYTES = 512 << 20
_PIN_SECONDS = 30.0
"""How long ``pin`` waits for offers to be written."""
_MOST_SEGMENTS = 8
"""A prefix scattered over tiers in more pieces is not followed further."""


class TieredStore:
    """Pages of one model in a stack of tiers, fastest first. Every method may be called
    from any thread; none raises on a tier's failure."""

    def __init__(
        self,
        tiers: Sequence[Tier],
        keyring: Keyring,
        fingerprint: Fingerprint,
        queue_bytes: int = QUEUE_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``clock`` gives Unix seconds; ``queue_bytes`` bounds pages waiting to be written
        to each tier. Takes over tiers and keyring: ``close`` closes them."""
        self.tiers = tuple(tiers)
        self.keyring = keyring
        self.fingerprint = fingerprint
        self._clock = clock
        self._codec = Codec(fingerprint)
        self._back = WriteBack(self.tiers, self._codec, keyring, queue_bytes)
        self._fetcher = Fetcher(self.tiers, self._codec, keyring, self._back)
        self._local = next((tier for tier in self.tiers if tier.local), None)
        self._callbacks: list[Callable[[str], None]] = []
        self._closing = threading.Lock()
        self._closed = False
        self._unnamed = 0
        keyring.on_forget(self._forgotten)
        keyring.watch()
        self._back.submit(self._drop_unnamed)

    def prefix(
        self, tokens: bytes | memoryview, scope: Scope, of: Fingerprint | None = None
    ) -> Prefix:
        """Name the full pages of packed 4-byte tokens. About 3 us a page; makes the
        tenant's keys on its first use. ``of``: another rank's pages, to ``probe`` for."""
        made = of or self.fingerprint
        values = chain(tokens, made.page_tokens, made.digest)
        try:
            own = self._keys(made, scope.tenant, values, scope.salt)
            shared = self._keys(made, scope.shared, values) if scope.shared else ()
        except KeyringError:
            self._unnamed += 1
            return Prefix(scope.tenant, ())
        return Prefix(scope.tenant, own, shared)

    def probe(self, prefix: Prefix, first: int = 0) -> Located:
        """Which pages from ``first`` on are in some tier, without a gap. Reads no page;
        a remote tier answers within ``PROBE_SECONDS`` or counts as empty."""
        keys: list[PageKey] = []
        tiers: list[int] = []
        for _ in range(_MOST_SEGMENTS):
            before = len(keys)
            for index, tier in enumerate(self.tiers):
                for named in (prefix.shared, prefix.keys):
                    rest = named[first + len(keys) :]
                    found = tier.has(rest) if rest else 0
                    keys += rest[:found]
                    tiers += [index] * found
            if len(keys) == before or first + len(keys) >= prefix.pages:
                break
        self._back.seen(keys)
        return Located(first, tuple(keys), tuple(tiers), prefix)

    def load(self, located: Located, sink: Sink, seconds: float | None = None) -> Loaded:
        """Read, verify and decrypt pages into the sink's buffers, several in parallel.

        Stops at the first page that is gone, damaged, refused by the sink, or not there
        after ``seconds`` (None: no limit; each page of a remote tier has ``READ_SECONDS``).
        Pages from slower tiers are promoted to the first one in the background.
        """
        return self._fetcher.load(located, sink, seconds)

    def wanted(self, prefix: Prefix, use: bool = True) -> range:
        """Pages worth an ``offer``: those that no local tier has, or that were not seen in a
        remote one if there is no local one. Counts as a use unless told not to: a request
        should be counted once."""
        if not prefix.keys or all(tier.paused for tier in self.tiers):
            return range(0)
        if use:
            self._back.touch(prefix, self._clock())
        start = 0
        if self._local:
            start = self._local.has(prefix.shared) if prefix.shared else 0
            start += self._local.has(prefix.keys[start:])
        return range(self._back.skip(prefix.keys, start), prefix.pages)

    def offer(self, prefix: Prefix, page: int, payload: Payload) -> bool:
        """Queue one page for write-back to every tier; never blocks.

        ``payload`` is ``page_bytes`` long and must not change afterwards; or a function that
        the writing thread calls for it, and that may return None if it is gone by then (the
        queue's bytes are not spent on it). False if the queue was full: the page is dropped.
        Offer a prefix's pages in order.
        """
        return self._back.offer(prefix.keys[page], payload)

    def lease(self, prefix: Prefix, until: float) -> None:
        """Keep the prefix in each tier until a Unix time; done in the background, after
        the offers made so far."""
        self._back.lease(prefix, until, self._clock())

    def pin(self, which: Prefix | str) -> int:
        """Keep a prefix, or the one of a stored last page's name, until ``unpin``, in every
        tier that has it; writes offers out first. Returns the tokens pinned in the tier
        that has most. PinBudgetExceeded, and nothing is pinned."""
        self.flush(_PIN_SECONDS)
        pages = []
        for index, tier in enumerate(self.tiers):
            try:
                pages.append(tier.pin(self._stored(tier, which)))
            except PinBudgetExceeded:
                for done in self.tiers[:index]:
                    done.unpin(self._stored(done, which))
                raise
        return max(pages, default=0) * self.fingerprint.page_tokens

    def unpin(self, which: Prefix | str) -> int:
        """Undo ``pin``; returns the tokens that were pinned."""
        pages = [tier.unpin(self._stored(tier, which)) for tier in self.tiers]
        return max(pages, default=0) * self.fingerprint.page_tokens

    def entries(self, tenant: str = "", model: str = "") -> Iterator[StoredPrefix]:
        """Stored prefixes, tier by tier: each page that no other continues, and every
        pinned page that ends a pinned prefix."""
        which = self.select(tenant, model)
        for tier in self.tiers:
            yield from prefixes(tier, which, self.fingerprint.page_tokens, self.keyring.named)

    def evict(self, which: Selection) -> int:
        """Remove pages from every tier, leased and pinned ones too; returns how many."""
        return sum(tier.drop(which) for tier in self.tiers)

    def select(self, tenant: str = "", model: str = "", name: str = "") -> Selection:
        """A selection for ``evict``; KeyError for a tenant that has no keys."""
        scope = ""
        if tenant:
            keys = self.keyring.find(tenant)
            if keys is None:
                raise KeyError(tenant)
            scope = keys.scope
        return Selection(model, scope, name)

    def forget(self, tenant: str) -> bool:
        """Destroy the tenant's keys, give it a new scope, remove its pages.

        At once in this process; in every other one within ``keyring.propagation`` seconds.
        False if some tier's keys could not be replaced yet: that is tried again until it
        can. KeyError for a tenant without keys.
        """
        return self.keyring.forget(tenant)

    def on_forget(self, callback: Callable[[str], None]) -> None:
        """Call back with a tenant's name when it is forgotten, here or by another process:
        drop its pages in memory (its salted scopes too)."""
        self._callbacks.append(callback)

    @property
    def damaged(self) -> int:
        """Pages read that failed verification; asks no tier."""
        return self._fetcher.damaged

    @property
    def dropped(self) -> int:
        """Pages not written because a queue was full; asks no tier."""
        return self._back.counts().dropped

    def stats(self) -> StoreStats:
        """Counters and gauges."""
        back, fetched = self._back.counts(), self._fetcher
        return StoreStats(
            tiers={tier.name: tier.stats() for tier in self.tiers},
            queued_bytes=back.queued_bytes,
            offered=back.offered,
            dropped=back.dropped,
            loaded=fetched.loaded,
            damaged=fetched.damaged,
            promoted=back.promoted,
            faults=back.faults + self.keyring.faults + self._unnamed,
        )

    def flush(self, timeout: float) -> bool:
        """Wait until everything offered so far is written or dropped."""
        return self._back.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Flush, stop the threads, close the tiers. Idempotent."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self.flush(timeout)
        self.keyring.close()
        self._back.close()
        self._fetcher.close()
        for tier in self.tiers:
            tier.close()

    def _keys(
        self, made: Fingerprint, tenant: str, values: Sequence[bytes], salt: str = ""
    ) -> tuple[PageKey, ...]:
        keys = self.keyring.tenant(tenant)
        found = names(keys.naming_key(salt), values)
        parents = [ROOT, *found]
        return tuple(
            PageKey(made.hex, keys.scope, name, parents[page], page)
            for page, name in enumerate(found)
        )

    def _stored(self, tier: Tier, which: Prefix | str) -> Sequence[PageKey]:
        return walk_up(tier, which) if isinstance(which, str) else which.keys

    def _forgotten(self, old: TenantKeys) -> None:
        which = Selection(scope=old.scope)
        for tier in self.tiers:
            if tier.local:
                tier.drop(which)
            else:
                self._back.submit(partial(tier.drop, which), tier)
        for callback in self._callbacks:
            callback(old.tenant)

    def _drop_unnamed(self) -> None:
        """Remove what a process that died while forgetting left behind."""
        if self._local is None:
            return
        held = {entry.key.scope for entry in self._local.entries()}
        # Keys are stored before any page that they name, so looked at after the pages.
        self.keyring.refresh()
        if self.keyring.complete:
            for scope in held - self.keyring.scopes():
                self._local.drop(Selection(scope=scope))
