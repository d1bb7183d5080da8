"""What an operator may do to a cache: pin, evict, forget; memory and tiers as one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headstart.kv.cache import PIN_SHARE, KVCache
from headstart.kv.format import HEADER_BYTES
from headstart.kv.inventory import MEMORY, AdminError, CacheEntry, Inventory, UnknownPrefix
from headstart.kv.tiered import TieredCache
from headstart.kv.tiers.contract import PinBudgetExceeded, Selection, Tier, TierStats
from headstart.prefix import Scope

FLUSH_SECONDS = 30.0
"""How long an operation waits for pages on their way to the tiers."""


class UnknownTenant(AdminError):
    """The tenant holds nothing and has no keys."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What an operation did. ``tiers``: where."""

    tokens: int
    tiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """``everywhere`` False: some tier was out of reach, and is caught up with when it is
    back. Other processes follow within ``seconds``."""

    everywhere: bool
    seconds: float


class CacheAdmin:
    """Operations on a ``KVCache`` and the tiers below it. Thread-safe. May take seconds:
    not for an event loop."""

    def __init__(
        self, cache: KVCache, tiers: TieredCache | None, model: str, context: int = 0
    ) -> None:
        """``context``: most tokens of one request, for which pins in memory leave room."""
        self.model = model
        self._inventory = Inventory(cache, tiers, model)
        self._cache = cache
        self._tiers = tiers
        self._longest = context * cache.layout.token_bytes

    def entries(self, tenant: str = "", model: str = "") -> list[CacheEntry]:
        """See ``Inventory.entries``."""
        return self._inventory.entries(tenant, model)

    def show(self, id: str) -> CacheEntry:
        """See ``Inventory.show``. UnknownPrefix, AmbiguousId."""
        return self._inventory.show(id)

    def pin(self, id: str) -> Changed:
        """Keep a prefix until ``unpin``, over restarts too where a tier has it.

        It is pinned in every tier that has it; in memory as well while the budget there
        lasts, and in any case if no tier has it. UnknownPrefix, AmbiguousId;
        PinBudgetExceeded, and nothing is pinned.
        """
        self._flush()
        entry = self.show(id)
        stored = self._tiers.store.pin(entry.id) if self._tiers else 0
        return self._pinned(self._inventory.held(entry), stored, entry)

    def pin_tokens(self, tokens: bytes, scope: Scope) -> Changed:
        """``pin`` of packed tokens; UnknownPrefix if nothing of them is held."""
        self._flush()
        stored = 0
        if self._tiers:
            store = self._tiers.store
            prefix = store.prefix(tokens, scope)
            # An operator's own pages are pinned under the operator's name alone.
            stored = store.pin(prefix) if prefix.keys else 0
        return self._pinned([(tokens, scope)], stored, None)

    def unpin(self, id: str) -> Changed:
        """Undo ``pin``; UnknownPrefix, AmbiguousId. Zero tokens if it was not pinned."""
        entry = self.show(id)
        tiers, tokens = [], 0
        for key, scope in self._inventory.held(entry):
            if self._cache.unpin(key, scope, time.time()):
                tiers, tokens = [MEMORY], max(tokens, len(key) // 4)
        if self._tiers:
            tokens = max(tokens, self._tiers.store.unpin(entry.id))
            tiers += [copy.tier for copy in entry.copies if copy.tier != MEMORY and copy.pinned]
        return Changed(tokens, tuple(tiers))

    def evict(self, id: str) -> Changed:
        """Drop a prefix everywhere, pinned or leased: what continues it, and those of its
        pages that no other prefix needs. Returns the tokens gone from the tier that lost
        most. UnknownPrefix, AmbiguousId."""
        self._flush()
        entry = self.show(id)
        lost = {MEMORY: 0}
        for key, scope in self._inventory.held(entry):
            lost[MEMORY] += self._cache.remove(key, scope)
        if self._tiers:
            store = self._tiers.store
            for tier in store.tiers:
                gone = tier.drop(Selection(name=_first_of_its_own(tier, entry.id)))
                lost[tier.name] = gone * store.fingerprint.page_tokens
        return _lost(lost)

    def evict_all(self, tenant: str = "", model: str = "") -> Changed:
        """Drop what a tenant, a model, or a tenant of a model holds; pins and leases too.
        Keys stay. UnknownTenant; ValueError if neither is named."""
        if not tenant and not model:
            raise ValueError("name a tenant or a model")
        self._flush()
        entries = self.entries(tenant, model)
        if tenant and not entries and not self._inventory.known(tenant):
            raise UnknownTenant(f"there is no tenant {tenant!r}")
        lost = {MEMORY: 0}
        if model in ("", self.model):
            before = self._cache.stats().cached_tokens
            for name in [tenant] if tenant else {held.scope for held in self._cache.entries()}:
                self._cache.forget(name)
            lost[MEMORY] = max(0, before - self._cache.stats().cached_tokens)
        if self._tiers:
            store = self._tiers.store
            if not tenant or store.keyring.find(tenant):
                which = store.select(tenant, self._inventory.fingerprint(model))
                for tier in store.tiers:
                    lost[tier.name] = tier.drop(which) * store.fingerprint.page_tokens
        return _lost(lost)

    def forget(self, tenant: str) -> Forgotten:
        """Destroy a tenant's keys, so that nothing stored of it can be read or found any
        more, and drop what it holds. UnknownTenant."""
        if not self._inventory.known(tenant):
            raise UnknownTenant(f"there is no tenant {tenant!r}")
        everywhere, seconds = True, 0.0
        if self._tiers and self._tiers.store.keyring.find(tenant):
            everywhere = self._tiers.store.forget(tenant)
            seconds = self._tiers.store.keyring.propagation
        self._cache.forget(tenant)
        return Forgotten(everywhere, seconds)

    def stats(self) -> dict[str, Any]:
        """Gauges and counters of memory (``memory``), of each tier by name (``tiers``), and
        of what moves between them (``store``, None without tiers)."""
        memory = self._cache.stats()._asdict()
        memory["pinned_bytes"] = self._cache.pinned_bytes()
        memory["pin_budget_bytes"] = int(self._cache.arena.capacity * PIN_SHARE)
        if not self._tiers:
            return {"model": self.model, "memory": memory, "tiers": {}, "store": None}
        store = self._tiers.store.stats()._asdict()
        tiers = {name: stats._asdict() for name, stats in store.pop("tiers").items()}
        store["fetched_tokens"] = self._tiers.fetched_tokens
        store["faults"] += self._tiers.faults
        store["forget_seconds"] = self._tiers.store.keyring.propagation
        return {"model": self.model, "memory": memory, "tiers": tiers, "store": store}

    def tier_stats(self) -> dict[str, TierStats]:
        """Gauges and counters of each tier below memory, by its name; cheap."""
        return self._tiers.store.stats().tiers if self._tiers else {}

    @property
    def object_bytes(self) -> int:
        """Bytes of a stored page with its header: all pages of one model have the same size.
        0 without tiers."""
        return HEADER_BYTES + self._tiers.store.fingerprint.page_bytes if self._tiers else 0

    def _pinned(
        self, keys: Sequence[tuple[bytes, Scope]], stored: int, entry: CacheEntry | None
    ) -> Changed:
        tokens, tiers = stored, []
        try:
            for key, scope in keys:
                held = self._cache.pin(key, scope, self._longest)
                if held:
                    tiers, tokens = [MEMORY], max(tokens, held)
        except PinBudgetExceeded:
            if not stored:
                raise
        if not tokens:
            raise UnknownPrefix("nothing of this prefix is held any more")
        if self._tiers and stored:
            named = [copy.tier for copy in entry.copies] if entry else []
            every = [tier.name for tier in self._tiers.store.tiers]
            tiers += [name for name in every if name in named or entry is None]
        return Changed(tokens, tuple(tiers))

    def _flush(self) -> None:
        if self._tiers:
            self._tiers.flush(FLUSH_SECONDS)


def _first_of_its_own(tier: Tier, name: str) -> str:
    """The first page on the way to ``name`` that no other stored prefix goes through."""
    pages = {entry.key.name: entry.key for entry in tier.entries()}
    children = Counter(key.parent for key in pages.values())
    while name in pages and children[parent := pages[name].parent] == 1 and parent in pages:
        name = parent
    return name


def _lost(by_tier: dict[str, int]) -> Changed:
    tiers = tuple(name for name, tokens in by_tier.items() if tokens)
    return Changed(max(by_tier.values()), tiers)
