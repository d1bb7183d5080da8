"""What an operator may ask of a cache: list, pin, evict, forget; memory and tiers as one.

Prefixes are named by ids; neither prompts nor tokens ever leave this module. The id of a
prefix is the object name of its last full stored page where there are tiers, so that it
stays the same over restarts and processes; what has no such page is named by a keyed hash
that is good until this process ends.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.kv.cache import PIN_SHARE, KVCache
from headstart.kv.chain import NAME_BYTES
from headstart.kv.pages import StoredPrefix
from headstart.kv.tiered import TieredCache
from headstart.kv.tiers.contract import PinBudgetExceeded, Selection, Tier
from headstart.prefix import Entry, Scope

MEMORY = "memory"
SHORTEST_ID = 8
FLUSH_SECONDS = 30.0
"""How long an operation waits for pages on their way to the tiers."""


class AdminError(Exception):
    """Base of what is wrong with a request to ``CacheAdmin``; the text says what."""


class UnknownPrefix(AdminError):
    """Nothing is held under this id (any more)."""


class UnknownTenant(AdminError):
    """The tenant holds nothing and has no keys."""


class AmbiguousId(AdminError):
    """The first digits of several ids."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A prefix in one tier. Unix seconds; 0 for none."""

    tier: str
    tokens: int
    bytes: int
    """Pages shared with other prefixes included."""
    hits: int
    used: float
    leased_until: float
    pinned: bool


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A prefix, wherever it is. ``tokens`` and ``bytes`` of its longest copy, ``used`` and
    ``leased_until`` of the latest, ``hits`` the most that one tier counted."""

    id: str
    tenant: str
    """"" where no key tells."""
    model: str
    """Its name, or the fingerprint (hex) of another model's pages."""
    tokens: int
    bytes: int
    hits: int
    used: float
    leased_until: float
    pinned: bool
    tiers: tuple[str, ...]
    copies: tuple[Copy, ...]


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
        self._cache = cache
        self._tiers = tiers
        self._longest = context * cache.layout.token_bytes
        self._secret = secrets.token_bytes(32)

    def entries(self, tenant: str = "", model: str = "") -> list[CacheEntry]:
        """Prefixes held, the latest used first; of one tenant or one model if given."""
        copies: dict[str, list[Copy]] = {}
        owner: dict[str, tuple[str, str]] = {}
        if model in ("", self.model):
            for name, group in self._in_memory(tenant).items():
                copies[name] = [self._memory_copy(group), *self._also_stored(group[0])]
                owner[name] = (group[0].scope, self.model)
        for stored in self._stored(tenant, model):
            held = copies.setdefault(stored.name, [])
            held[:] = [copy for copy in held if copy.tier != stored.tier]
            held.append(_copy(stored))
            owner.setdefault(stored.name, (stored.tenant, self._label(stored.model)))
        found = [_merge(name, *owner[name], held) for name, held in copies.items()]
        return sorted(found, key=lambda entry: -entry.used)

    def show(self, id: str) -> CacheEntry:
        """One prefix by its id, or by the first ``SHORTEST_ID`` or more digits of it.
        UnknownPrefix, AmbiguousId."""
        found = [entry for entry in self.entries() if entry.id.startswith(id.lower())]
        if len(id) < SHORTEST_ID or not found:
            raise UnknownPrefix(f"no prefix has the id {id!r}")
        if len(found) > 1:
            raise AmbiguousId(f"{len(found)} prefixes have an id that begins with {id!r}")
        return found[0]

    def pin(self, id: str) -> Changed:
        """Keep a prefix until ``unpin``, over restarts too where a tier has it.

        It is pinned in every tier that has it; in memory as well while the budget there
        lasts, and in any case if no tier has it. UnknownPrefix, AmbiguousId;
        PinBudgetExceeded, and nothing is pinned.
        """
        self._flush()
        entry = self.show(id)
        stored = self._tiers.store.pin(entry.id) if self._tiers else 0
        keys = [(e.key, self._scope(e)) for e in self._in_memory(entry.tenant).get(entry.id, ())]
        return self._pinned(keys, stored, entry)

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
        for held in self._in_memory(entry.tenant).get(entry.id, ()):
            if self._cache.unpin(held.key, self._scope(held), time.time()):
                tiers, tokens = [MEMORY], max(tokens, len(held.key) // 4)
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
        for held in self._in_memory(entry.tenant).get(entry.id, ()):
            lost[MEMORY] += self._cache.remove(held.key, self._scope(held))
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
        if tenant and not entries and not self._known(tenant):
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
                which = store.select(tenant, self._fingerprint(model))
                for tier in store.tiers:
                    lost[tier.name] = tier.drop(which) * store.fingerprint.page_tokens
        return _lost(lost)

    def forget(self, tenant: str) -> Forgotten:
        """Destroy a tenant's keys, so that nothing stored of it can be read or found any
        more, and drop what it holds. UnknownTenant."""
        if not self._known(tenant):
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

    def _in_memory(self, tenant: str = "") -> dict[str, list[Entry]]:
        """Entries by id: some differ only behind their last full stored page."""
        groups: dict[str, list[Entry]] = {}
        for entry in self._cache.entries(tenant or None):
            groups.setdefault(self._name(entry), []).append(entry)
        return groups

    def _name(self, entry: Entry) -> str:
        if self._tiers:
            prefix = self._tiers.store.prefix(entry.key, Scope(entry.scope, salt=entry.salt))
            if prefix.keys:
                return prefix.keys[-1].name
        text = b"\0".join((entry.scope.encode(), entry.salt.encode(), entry.key))
        return hmac.digest(self._secret, text, "sha256")[:NAME_BYTES].hex()

    def _memory_copy(self, group: Sequence[Entry]) -> Copy:
        tokens = max(len(entry.key) // 4 for entry in group)
        return Copy(
            tier=MEMORY,
            tokens=tokens,
            bytes=tokens * self._cache.layout.token_bytes,
            hits=max(entry.hits for entry in group),
            used=max(entry.last_access for entry in group),
            leased_until=max(entry.leased_until for entry in group),
            pinned=any(entry.pinned for entry in group),
        )

    def _also_stored(self, entry: Entry) -> Iterator[Copy]:
        """Local tiers that have the prefix as part of a longer one, which is listed by its
        own name."""
        if not self._tiers:
            return
        store = self._tiers.store
        keys = store.prefix(entry.key, Scope(entry.scope, salt=entry.salt)).keys
        for tier in store.tiers:
            if tier.local and keys and tier.has(keys[-1:]):
                size = len(keys) * store.fingerprint.page_bytes
                tokens = len(keys) * store.fingerprint.page_tokens
                yield Copy(tier.name, tokens, size, 0, 0.0, 0.0, False)

    def _stored(self, tenant: str, model: str) -> Iterator[StoredPrefix]:
        if not self._tiers or (tenant and not self._tiers.store.keyring.find(tenant)):
            return iter(())
        return self._tiers.store.entries(tenant, self._fingerprint(model))

    def _scope(self, entry: Entry) -> Scope:
        """The scope under which an entry is found: it may hang below a shared prefix."""
        own = Scope(entry.scope, salt=entry.salt)
        if self._cache.peek(entry.key, own) * 4 == len(entry.key):
            return own
        for other in {held.scope for held in self._cache.entries()}:
            below = own._replace(shared=other)
            if self._cache.peek(entry.key, below) * 4 == len(entry.key):
                return below
        return own

    def _known(self, tenant: str) -> bool:
        keys = self._tiers.store.keyring.find(tenant) if self._tiers else None
        return keys is not None or bool(self._cache.entries(tenant))

    def _label(self, fingerprint: str) -> str:
        return self.model if fingerprint == self._fingerprint(self.model) else fingerprint

    def _fingerprint(self, model: str) -> str:
        """This model's name stands for its fingerprint; of others the fingerprint is said."""
        if self._tiers and model == self.model:
            return self._tiers.store.fingerprint.hex
        return model

    def _flush(self) -> None:
        if self._tiers:
            self._tiers.flush(FLUSH_SECONDS)


def _copy(stored: StoredPrefix) -> Copy:
    return Copy(
        tier=stored.tier,
        tokens=stored.tokens,
        bytes=stored.size,
        hits=stored.hits,
        used=stored.used,
        leased_until=stored.leased_until,
        pinned=stored.pinned,
    )


def _merge(name: str, tenant: str, model: str, copies: Sequence[Copy]) -> CacheEntry:
    return CacheEntry(
        id=name,
        tenant=tenant,
        model=model,
        tokens=max(copy.tokens for copy in copies),
        bytes=max(copy.bytes for copy in copies),
        hits=max(copy.hits for copy in copies),
        used=max(copy.used for copy in copies),
        leased_until=max(copy.leased_until for copy in copies),
        pinned=any(copy.pinned for copy in copies),
        tiers=tuple(copy.tier for copy in copies),
        copies=tuple(copies),
    )


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
