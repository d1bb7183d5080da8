"""Who may read which pages: every tenant's scope, secret and data key.

Records lie in vaults: a directory beside the pages, and whatever remote tier hosts share.
All vaults converge on the record of highest rank of each tenant. A vault that is out of
reach is caught up with when it is back. Forgetting a tenant replaces its record by one with
new keys, so that it spreads the same way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from headstart.kv import record as records
from headstart.kv.record import (
    KeyringDamaged,
    KeyringError,
    Record,
    TenantKeys,
    WrongMasterKey,
    decode,
    record_id,
)
from headstart.kv.seal import MasterKey
from headstart.kv.vault import Vault, VaultError

__all__ = ["Keyring", "KeyringDamaged", "KeyringError", "TenantKeys", "WrongMasterKey"]

Forgotten = Callable[[TenantKeys], None]


@dataclass
class _Copy:
    """What this process knows about one vault's contents."""

    vault: Vault
    version: Hashable = None
    synced: int = -1
    """The keyring's epoch that was written to it."""
    down: bool = False
    """The last attempt failed: nobody waits for it but ``_follow``."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Keyring:
    """Keys of all tenants; thread-safe. Several processes may use one set of vaults."""

    def __init__(
        self,
        vaults: Sequence[Vault] = (),
        master: MasterKey | None = None,
        previous: MasterKey | None = None,
    ) -> None:
        """Read all vaults; a vault out of reach is left for later.

        With ``previous`` given, records it wrapped are re-wrapped by ``master`` (an
        interrupted rotation is finished the same way). With a master key, records that
        are not wrapped yet are replaced: what they named was not sealed.
        WrongMasterKey, KeyringDamaged.
        """
        self.master = master
        self._masters = {m.id.hex(): m for m in (master, previous) if m}
        self._copies = [_Copy(vault) for vault in vaults]
        self._best: dict[str, Record] = {}
        """Record of highest rank by id."""
        self._keys: dict[str, TenantKeys] = {}
        self._scopes: dict[str, str] = {}
        self._epoch = 0
        self._lock = threading.RLock()
        self._callbacks: list[Forgotten] = []
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.faults = 0
        """Vault operations that failed, and records that could not be used."""
        self._load()
        if master:
            self._adopt_master(master)

    @property
    def propagation(self) -> float:
        """Seconds within which every process sees that a tenant was forgotten, as long as
        it reaches a vault that the forgetting process reached."""
        return max((2 * copy.vault.poll_seconds for copy in self._copies), default=0.0)

    @property
    def complete(self) -> bool:
        """Every vault is known to hold every newest record."""
        return all(copy.synced == self._epoch for copy in self._copies)

    def watch(self) -> None:
        """Start following what other processes change."""
        for index in range(len(self._copies)):
            thread = threading.Thread(
                target=self._follow, args=(index,), name=f"keyring-{index}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def on_forget(self, callback: Forgotten) -> None:
        """Call back with keys that are no longer valid, whoever forgot them."""
        self._callbacks.append(callback)

    def tenant(self, name: str) -> TenantKeys:
        """A tenant's keys, made and stored on first use: a few ms, or ``READ_SECONDS`` where
        a remote vault has just gone out of reach. WrongMasterKey if another process rotated
        the master key."""
        keys = self._keys.get(name)
        if keys is not None:
            return keys
        with self._lock:
            if name not in self._keys:
                self._create(name)
            keys = self._keys.get(name)
        if keys is None:
            raise WrongMasterKey(f"the keys of tenant {name!r} can't be opened")
        return keys

    def find(self, name: str) -> TenantKeys | None:
        """A tenant's keys if it has any."""
        return self._keys.get(name)

    def named(self, scope: str) -> str:
        """The tenant of a scope id, "" if there is none (any more)."""
        return self._scopes.get(scope, "")

    def holder(self, scope: str) -> TenantKeys | None:
        """The keys of a scope id, None once they were forgotten."""
        keys = self._keys.get(self._scopes.get(scope, ""))
        return keys if keys and keys.scope == scope else None

    def scopes(self) -> set[str]:
        """Every scope id that has a record, whether this process can open it or not."""
        with self._lock:
            return {best.scope for best in self._best.values()}

    def tenants(self) -> list[str]:
        """All tenants with keys."""
        return sorted(self._keys)

    def forget(self, name: str) -> bool:
        """Replace a tenant's keys everywhere. KeyError if it has none.

        False if a vault was out of reach: ``watch`` keeps trying.
        """
        self.refresh()
        with self._lock:
            present = self._best.get(record_id(name))
            if present is None:
                raise KeyError(name)
            old = self._accept(records.fresh(name, present.generation + 1, self.master))
        self._tell(old)
        self.refresh()
        return self.complete

    def rotate(self, new: MasterKey) -> int:
        """Re-wrap every key by a new master key; returns how many were. Other processes
        go on with the keys they hold; start them with the new master key next time."""
        self.refresh()
        with self._lock:
            if any(not best.master for best in self._best.values()):
                raise KeyringError("keys are not wrapped by a master key yet")
            old = [best for best in self._best.values() if best.master != new.id.hex()]
            wrapped = [records.rewrap(best, self._masters, new) for best in old]
            self._masters[new.id.hex()] = new
            self.master = new
            for made in wrapped:
                self._accept(made)
        self.refresh()
        return len(wrapped)

    def refresh(self) -> None:
        """Catch up with every vault now."""
        for index in range(len(self._copies)):
            self._tell(*self._sync(index))

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _load(self) -> None:
        damaged: dict[str, KeyringDamaged] = {}
        for copy in self._copies:
            try:
                found = copy.vault.records()
            except VaultError:
                self.faults += 1
                copy.down = True
                continue
            for name, data in found.items():
                try:
                    self._accept(decode(data, f"{name} in {copy.vault.name}"), strict=True)
                except KeyringDamaged as error:
                    damaged[name] = error
        for name, damage in damaged.items():
            if name not in self._best:
                raise damage

    def _adopt_master(self, master: MasterKey) -> None:
        for best in list(self._best.values()):
            if not best.master:
                self._accept(records.fresh(best.tenant, best.generation + 1, master))
            elif best.master != master.id.hex():
                self._accept(records.rewrap(best, self._masters, master))
        self.refresh()

    def _create(self, name: str) -> None:
        made = records.fresh(name, 1, self.master)
        found: Record | None = None
        # The last vault is the most widely shared: what is there already counts.
        for copy in reversed(self._copies):
            if copy.down:
                continue
            offered = found or made
            try:
                there = decode(copy.vault.create(record_id(name), offered.encode()), name)
            except (VaultError, KeyringDamaged) as error:
                self.faults += 1
                copy.down = isinstance(error, VaultError)
                continue
            if there != offered:
                found = there if found is None else max(there, found, key=lambda r: r.rank)
        self._accept(found or made)

    def _accept(self, new: Record, strict: bool = False) -> TenantKeys | None:
        """Use a record if it outranks ours; returns the keys it makes invalid."""
        identity = record_id(new.tenant)
        with self._lock:
            present = self._best.get(identity)
            if present is not None and new.rank <= present.rank:
                return None
            old = self._keys.get(new.tenant)
            try:
                keys: TenantKeys | None = new.open(self._masters)
            except KeyringError:
                if strict:
                    raise
                self.faults += 1
                # Re-wrapped under a master key we lack: what we hold stays valid.
                keys = old if old and old.scope == new.scope else None
            self._best[identity] = new
            self._epoch += 1
            self._install(new.tenant, keys)
            return old if old and (keys is None or keys.scope != old.scope) else None

    def _install(self, tenant: str, keys: TenantKeys | None) -> None:
        old = self._keys.pop(tenant, None)
        if old:
            self._scopes.pop(old.scope, None)
        if keys:
            self._scopes[keys.scope] = tenant
            self._keys[tenant] = keys

    def _sync(self, index: int) -> list[TenantKeys | None]:
        """Take what is newer in a vault, give it what is newer here."""
        copy = self._copies[index]
        invalid: list[TenantKeys | None] = []
        with copy.lock:
            try:
                version = copy.vault.version()
                copy.down = False
                if version == copy.version and copy.synced == self._epoch:
                    return []
                found = copy.vault.records()
                invalid = [self._accept(made) for made in self._readable(found.values())]
                with self._lock:
                    epoch = self._epoch
                    best = {name: made.encode() for name, made in self._best.items()}
                stale = [name for name, data in best.items() if found.get(name) != data]
                for name in stale:
                    copy.vault.write(name, best[name])
                copy.synced = epoch
                # After our own writes the version is looked at once more, next time.
                copy.version = None if stale else version
            except VaultError:
                self.faults += 1
                copy.down = True
        return invalid

    def _readable(self, found: Iterable[bytes]) -> Iterable[Record]:
        for data in found:
            try:
                yield decode(data, "")
            except KeyringDamaged:
                self.faults += 1

    def _follow(self, index: int) -> None:
        while not self._stop.wait(self._copies[index].vault.poll_seconds):
            self._tell(*self._sync(index))

    def _tell(self, *invalid: TenantKeys | None) -> None:
        for keys in invalid:
            if keys is not None:
                for callback in self._callbacks:
                    callback(keys)
