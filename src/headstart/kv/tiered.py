"""Memory above, tiers below: prefixes come up before a request runs and go down after.

Nothing here runs on the engine's thread but two calls that only queue. ``fetch`` brings the
pages a prompt will need into the arena while the request has not been admitted yet;
``save`` writes what was computed to the tiers in the background.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from headstart.kv.cache import KVCache
from headstart.kv.pages import Located, Prefix
from headstart.kv.store import TieredStore
from headstart.prefix import Scope

logger = logging.getLogger(__name__)

LOAD_SECONDS = 10.0
"""What a prompt waits for its pages in all, so that a remote tier that answers each in time,
but slowly, can't hold it for ever; what came by then is used."""
FETCHERS = 4
"""Prompts fetched at once; each reads its pages in parallel."""


class _Save(NamedTuple):
    key: bytes
    scope: Scope
    leased_until: float = 0.0
    """If set, a lease to be given and no pages to be written."""


class TieredCache:
    """Moves pages between a ``KVCache`` and a ``TieredStore``; thread-safe."""

    def __init__(self, cache: KVCache, store: TieredStore, page_tokens: int) -> None:
        """ValueError unless stored pages and the cache's pages fit into each other."""
        self.group = math.lcm(page_tokens, cache.page)
        if self.group != max(page_tokens, cache.page):
            raise ValueError(f"pages of {cache.page} and {page_tokens} tokens do not nest")
        self.cache = cache
        self.store = store
        self._page_tokens = page_tokens
        self._pool = ThreadPoolExecutor(FETCHERS, "headstart-fetch")
        self._saves: queue.SimpleQueue[_Save | threading.Event | None] = queue.SimpleQueue()
        self._fetching: dict[str, threading.Event] = {}
        self._guard = threading.Lock()
        self.fetched_tokens = 0
        self.faults = 0
        store.on_forget(cache.forget)
        self._saver = threading.Thread(target=self._save_all, name="headstart-save", daemon=True)
        self._saver.start()

    def fetch(self, key: bytes, scope: Scope, done: Callable[[], None]) -> None:
        """Bring into memory what the tiers hold beyond it of a packed key, then call
        ``done`` from another thread, whatever happened."""
        self._pool.submit(self._fetch_then, key, scope, done)

    def save(self, key: bytes, scope: Scope) -> None:
        """Write the full pages of a packed key to the tiers, in the background."""
        self._saves.put(_Save(key, scope))

    def lease(self, key: bytes, scope: Scope, until: float) -> None:
        """Keep a prefix in the tiers until a Unix time; done after the saves before it."""
        self._saves.put(_Save(key, scope, until))

    def flush(self, timeout: float) -> bool:
        """Wait until everything saved so far is written; False if that took too long."""
        deadline = time.monotonic() + timeout
        reached = threading.Event()
        self._saves.put(reached)
        if not reached.wait(timeout):
            return False
        return self.store.flush(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Write what is waiting, within the store's own time limit, and stop."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._saves.put(None)
        self._saver.join()
        self.store.close()

    def _fetch_then(self, key: bytes, scope: Scope, done: Callable[[], None]) -> None:
        try:
            self.fetched_tokens += self._fetch(key, scope)
        except Exception:
            # A tier's fault is a miss: the request computes what it could not read.
            self.faults += 1
            logger.exception("fetching a prefix failed")
        finally:
            done()

    def _fetch(self, key: bytes, scope: Scope) -> int:
        prefix = self.store.prefix(key, scope)
        held = self._held(key, scope)
        if held >= prefix.pages:
            return 0
        # Requests with the same next page wait for the one that is fetching it.
        name = prefix.keys[held].name
        with self._guard:
            other = self._fetching.get(name)
            if other is None:
                self._fetching[name] = threading.Event()
        if other is not None:
            other.wait()
            return 0
        try:
            return self._load(self.store.probe(prefix, held), key, scope)
        finally:
            with self._guard:
                self._fetching.pop(name).set()

    def _held(self, key: bytes, scope: Scope) -> int:
        """Stored pages that lie wholly in memory, in whole groups."""
        tokens = self.cache.peek(key, scope)
        return tokens // self.group * (self.group // self._page_tokens)

    def _load(self, located: Located, key: bytes, scope: Scope) -> int:
        whole = located.stop * self._page_tokens // self.group
        if located.first * self._page_tokens >= whole * self.group:
            return 0
        with _ArenaSink(self.cache, key, scope, self._page_tokens, self.group) as sink:
            self.store.load(located, sink, LOAD_SECONDS)
        scopes = {key.scope for key in located.keys}
        if sink.tokens and not all(map(self.store.keyring.holder, scopes)):
            # Forgotten while its pages were on their way: after the drop that went with it.
            self.cache.forget(scope.tenant)
            return 0
        return sink.tokens

    def _save_all(self) -> None:
        while (item := self._saves.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            try:
                self._save(item)
            except Exception:
                self.faults += 1
                logger.exception("saving a prefix failed")

    def _save(self, item: _Save) -> None:
        prefix = self.store.prefix(item.key, item.scope)
        if item.leased_until:
            self.store.lease(prefix, item.leased_until)
            return
        for page in self.store.wanted(prefix):
            if not self._save_page(prefix, page, item.key, item.scope):
                return

    def _save_page(self, prefix: Prefix, page: int, key: bytes, scope: Scope) -> bool:
        start, stop = page * self._page_tokens, (page + 1) * self._page_tokens
        payload = self.cache.copy(key[: stop * 4], scope, start, time.time())
        return payload is not None and self.store.offer(prefix, page, payload)


class _ArenaSink:
    """Hands out arena rows ahead of the reads and shows them to others once verified."""

    def __init__(
        self, cache: KVCache, key: bytes, scope: Scope, page_tokens: int, group: int
    ) -> None:
        self._cache, self._key, self._scope = cache, key, scope
        self._page_tokens, self._group = page_tokens, group
        self._slots: dict[int, array[int]] = {}
        self.tokens = 0

    def __enter__(self) -> _ArenaSink:
        return self

    def __exit__(self, *_: object) -> None:
        for slots in self._slots.values():
            self._cache.give_back(slots)

    def target(self, page: int) -> Sequence[memoryview] | None:
        """See ``Sink``."""
        first = page * self._page_tokens
        group = first // self._group
        if group not in self._slots:
            slots = self._cache.take(self._group, self._scope, time.time())
            if slots is None:
                return None
            self._slots[group] = slots
        offset = first - group * self._group
        return self._cache.buffers(self._slots[group], offset, self._page_tokens)

    def commit(self, page: int) -> None:
        """See ``Sink``."""
        stop = (page + 1) * self._page_tokens
        if stop % self._group:
            return
        group = stop // self._group - 1
        slots = self._slots.pop(group)
        self.tokens += self._cache.publish(
            self._key[: stop * 4], self._scope, slots, group * self._group, time.time()
        )
