"""One tenant's keys as they are stored: JSON, its secrets wrapped where there is a master."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from headstart.kv.seal import KEY_BYTES, DataKey, MasterKey, SealError, Unsealable

VERSION = 1


class KeyringError(SealError):
    """Base of what goes wrong with a keyring; the text says what to do."""


class KeyringDamaged(KeyringError):
    """A key record that can't be read, and no other copy of it that can."""


class WrongMasterKey(KeyringError):
    """Key records are wrapped by another master key, or by one and none was given."""


class TenantKeys(NamedTuple):
    """What a process needs to name and seal one tenant's pages. Never log it."""

    tenant: str
    generation: int
    """Grows by one each time the tenant is forgotten."""
    scope: str
    """Scope id, 32 hex digits."""
    secret: bytes
    data: DataKey | None
    """None: pages are not sealed."""

    def naming_key(self, salt: str = "") -> bytes:
        """The key of object names in one of the tenant's sub-scopes."""
        return hmac.digest(self.secret, b"names\0" + salt.encode(), "sha256")

    def __repr__(self) -> str:
        return f"TenantKeys({self.tenant!r}, generation={self.generation}, scope={self.scope!r})"


@dataclass(frozen=True)
class Record:
    """``blob``: name secret and data key in hex, wrapped by master key ``master`` ("": not
    wrapped, not sealed). ``wraps`` counts re-wrappings within a generation, ``born`` is
    the Unix time in microseconds at which the keys were made."""

    tenant: str
    generation: int
    wraps: int
    born: int
    scope: str
    key_id: str
    master: str
    blob: str

    @property
    def rank(self) -> tuple[int, int, int, str, str]:
        """Of two records of one tenant the one of higher rank counts, for every process:
        the later generation, and of two that were made unknown to each other the older."""
        return self.generation, self.wraps, -self.born, self.scope, self.blob

    def _context(self) -> bytes:
        """What a wrapped key is bound to; re-wrapping may change ``wraps`` alone."""
        bound = [self.tenant, self.generation, self.scope, self.key_id, self.master]
        return json.dumps(["headstart key", VERSION, *bound]).encode()

    def encode(self) -> bytes:
        """JSON with a check sum, so that damage is told from a wrong key."""
        fields = {"version": VERSION, **asdict(self)}
        return json.dumps({**fields, "check": _check(fields)}, indent=1).encode()

    def open(self, masters: dict[str, MasterKey]) -> TenantKeys:
        """Unwrap; WrongMasterKey."""
        secret = bytes.fromhex(self.blob)
        if self.master:
            master = masters.get(self.master)
            if not masters:
                raise WrongMasterKey("this store is sealed: its master key is needed")
            if master is None:
                raise WrongMasterKey(
                    f"the keys of tenant {self.tenant!r} are wrapped by master key "
                    f"{self.master}; given: {', '.join(masters)}"
                )
            try:
                secret = master.unwrap(secret, self._context())
            except Unsealable as error:
                raise KeyringDamaged(f"tenant {self.tenant!r}: {error}") from None
        data = DataKey(bytes.fromhex(self.key_id), secret[KEY_BYTES:]) if self.master else None
        return TenantKeys(self.tenant, self.generation, self.scope, secret[:KEY_BYTES], data)


def fresh(tenant: str, generation: int, master: MasterKey | None) -> Record:
    """New random scope, secret and data key."""
    bare = Record(
        tenant,
        generation,
        wraps=0,
        born=time.time_ns() // 1000,
        scope=os.urandom(16).hex(),
        key_id=os.urandom(8).hex(),
        master="",
        blob=os.urandom(2 * KEY_BYTES).hex(),
    )
    return _wrap(bare, master) if master else bare


def rewrap(record: Record, masters: dict[str, MasterKey], new: MasterKey) -> Record:
    """The same keys under another master key."""
    keys = record.open(masters)
    if keys.data is None:
        raise KeyringError(f"tenant {record.tenant!r} has no wrapped key")
    secret = (keys.secret + keys.data.key).hex()
    return _wrap(replace(record, wraps=record.wraps + 1, blob=secret), new)


def decode(data: bytes, where: str) -> Record:
    """KeyringDamaged, naming ``where``, unless these are the bytes of a record."""
    try:
        fields = json.loads(data)
        check = fields.pop("check")
        version = fields.pop("version")
        record = Record(**fields)
        texts = (record.tenant, record.scope, record.key_id, record.master, record.blob)
        sound = (
            check == _check({"version": version, **fields})
            and all(isinstance(text, str) for text in texts)
            and isinstance(record.generation, int)
            and isinstance(record.wraps, int)
            and isinstance(record.born, int)
            and (len(record.scope), len(record.key_id)) == (32, 16)
            and len(bytes.fromhex(record.blob)) >= 2 * KEY_BYTES
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyringDamaged(f"key record {where} is damaged: {error!r}") from None
    if version != VERSION:
        raise KeyringDamaged(f"key record {where} has version {version}, not {VERSION}")
    if not sound:
        raise KeyringDamaged(f"key record {where} is damaged: its check sum does not match")
    return record


def record_id(tenant: str) -> str:
    """A name for the record that any file system takes."""
    return hashlib.sha256(b"headstart tenant\0" + tenant.encode()).hexdigest()[:32]


def _wrap(bare: Record, master: MasterKey) -> Record:
    named = replace(bare, master=master.id.hex())
    wrapped = master.wrap(bytes.fromhex(bare.blob), named._context())
    return replace(named, blob=wrapped.hex())


def _check(fields: dict[str, object]) -> str:
    text = json.dumps(fields, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
