"""What a cache holds, prefix by prefix; memory and tiers as one.

Prefixes are named by ids; neither prompts nor tokens ever leave this module. The id of a
prefix is the object name of its last full stored page where there are tiers, so that it
stays the same over restarts and processes; what has no such page is named by a keyed hash
that is good until this process ends.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headstart.kv.cache import KVCache
from headstart.kv.chain import NAME_BYTES
from headstart.kv.pages import StoredPrefix
from headstart.kv.tiered import TieredCache
from headstart.prefix import Entry, Scope

MEMORY = "memory"
SHORTEST_ID = 8


class AdminError(Exception):
    """Base of what is wrong with a request to ``CacheAdmin``; the text says what."""


class UnknownPrefix(AdminError):
    """Nothing is held under this id (any more)."""


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


class Inventory:
    """Entries of a ``KVCache`` and the tiers below it. Thread-safe."""

    def __init__(self, cache: KVCache, tiers: TieredCache | None, model: str) -> None:
        self._cache = cache
        self._tiers = tiers
        self._model = model
        self._secret = secrets.token_bytes(32)

    def entries(self, tenant: str = "", model: str = "") -> list[CacheEntry]:
        """Prefixes held, the latest used first; of one tenant or one model if given."""
        copies: dict[str, list[Copy]] = {}
        owner: dict[str, tuple[str, str]] = {}
        if model in ("", self._model):
            for name, group in self._in_memory(tenant).items():
                copies[name] = [self._memory_copy(group), *self._also_stored(group[0])]
                owner[name] = (group[0].scope, self._model)
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

    def held(self, entry: CacheEntry) -> list[tuple[bytes, Scope]]:
        """The packed keys of an entry in memory, and the scopes under which they are found."""
        found = self._in_memory(entry.tenant).get(entry.id, ())
        return [(each.key, self._scope(each)) for each in found]

    def known(self, tenant: str) -> bool:
        """Whether a tenant has keys, or anything in memory."""
        keys = self._tiers.store.keyring.find(tenant) if self._tiers else None
        return keys is not None or bool(self._cache.entries(tenant))

    def fingerprint(self, model: str) -> str:
        """This model's name stands for its fingerprint; of others the fingerprint is said."""
        if self._tiers and model == self._model:
            return self._tiers.store.fingerprint.hex
        return model

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
        return self._tiers.store.entries(tenant, self.fingerprint(model))

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

    def _label(self, fingerprint: str) -> str:
        return self._model if fingerprint == self.fingerprint(self._model) else fingerprint


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
