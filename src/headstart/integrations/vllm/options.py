"""What ``kv_connector_extra_config`` may say, and whose pages a request reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from headstart.kv.fingerprint import Fingerprint
from headstart.kv.open import open_store, parse_size
from headstart.kv.seal import MasterKey
from headstart.kv.store import QUEUE_BYTES, TieredStore
from headstart.prefix import Scope
from headstart.prefix.tenancy import DEFAULT_TENANT, OPERATOR, scope_of

LEASE_PARAMETER = "headstart_lease_seconds"
"""In a request's ``kv_transfer_params``: for how long its prompt is kept."""
MOST_LEASE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Options:
    """The store below one vLLM. At least one of ``disk`` and ``remotes`` must be given."""

    disk: str | None = None
    """``PATH:SIZE``."""
    remotes: tuple[str, ...] = ()
    """``s3://...`` or ``valkey://...`` URLs, fastest first."""
    master_key: str | None = None
    """``file:PATH`` or ``env:NAME``: seals pages at rest, per tenant."""
    previous_master_key: str | None = None
    """To rotate away from."""
    tenant: str = DEFAULT_TENANT
    """Whose pages these are, where the salt names nobody of ``tenants``."""
    tenants: tuple[str, ...] = ()
    """Names that a ``cache_salt`` may begin with, as in ``alice`` or ``alice:notes``; each
    has keys, a floor in every tier, and can be forgotten on its own."""
    strict_quota: bool = False
    """Tenants may not borrow what others leave free."""
    write_queue: int = QUEUE_BYTES
    """Bytes of pages that may wait to be written, in each rank; beyond it pages are dropped."""
    weights: str = ""
    """What stands for the weights in names; "": the digest of the model's weight files."""

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Options:
        """ValueError names what is unknown, wrong or missing."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(given) - known):
            raise ValueError(f"unknown {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        read: dict[str, Any] = {}
        for name, value in given.items():
            reader: Callable[[str, Any], Any] = _READERS.get(name, _text)
            read[name] = reader(name, value)
        options = cls(**read)
        if not options.disk and not options.remotes:
            raise ValueError('name a tier: {"disk": "PATH:SIZE"} or {"remotes": ["valkey://..."]}')
        names = (options.tenant, *options.tenants)
        if OPERATOR in names or not all(names) or any(":" in name for name in options.tenants):
            raise ValueError(f'no tenant may be called "" or {OPERATOR!r}, or contain ":"')
        return options

    def scope(self, salt: str | None) -> Scope:
        """The scope of a request with this ``cache_salt``."""
        name, _, rest = (salt or "").partition(":")
        return scope_of(name, rest) if name in self.tenants else scope_of(self.tenant, salt)

    def open(self, fingerprint: Fingerprint) -> TieredStore:
        """ValueError, TierUnavailable, or SealError where a key is wrong."""
        return open_store(
            fingerprint,
            disk=self.disk,
            remotes=self.remotes,
            master=MasterKey.load(self.master_key) if self.master_key else None,
            previous=MasterKey.load(self.previous_master_key) if self.previous_master_key else None,
            tenants=len({self.tenant, *self.tenants}) + bool(self.tenants),
            strict=self.strict_quota,
            queue_bytes=self.write_queue,
        )


def lease_seconds(parameters: Mapping[str, Any] | None) -> float:
    """How long a request asks for its prompt to be kept; 0 for none or for nonsense."""
    asked = (parameters or {}).get(LEASE_PARAMETER, 0)
    if isinstance(asked, bool) or not isinstance(asked, int | float) or not asked > 0:
        return 0.0
    return min(float(asked), MOST_LEASE_SECONDS)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string, not {value!r}")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name} must be a list of strings, not {value!r}")
    return tuple(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return value


def _size(name: str, value: Any) -> int:
    return value if isinstance(value, int) else parse_size(_text(name, value))


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "remotes": _texts,
    "tenants": _texts,
    "strict_quota": _flag,
    "write_queue": _size,
}
