"""A store from what an operator writes: ``PATH:SIZE`` and URLs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from headstart.kv.fingerprint import Fingerprint
from headstart.kv.keyring import Keyring
from headstart.kv.seal import MasterKey
from headstart.kv.store import QUEUE_BYTES, TieredStore
from headstart.kv.tiers.contract import Tier, TierUnavailable
from headstart.kv.tiers.disk import DiskTier
from headstart.kv.tiers.remote import READ_SECONDS, Guard
from headstart.kv.vault import DirectoryVault, Vault, VaultError

DEFAULT_LIMITS = {"s3": 100 << 30, "valkey": 4 << 30}
"""Bytes of a remote tier whose URL says no ``limit``."""
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """``20G``, ``20GB`` and ``20GiB`` are 20 * 2**30 bytes; ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a size: write 500M or 20G")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def open_disk(spec: str, tenants: int = 1, strict: bool = False) -> tuple[DiskTier, Vault]:
    """``PATH:SIZE``; ValueError, TierUnavailable."""
    path, colon, size = spec.rpartition(":")
    if not colon or not path:
        raise ValueError(f"{spec!r}: write PATH:SIZE, as in /var/cache/headstart:20G")
    limit = parse_size(size)
    tier = DiskTier(path, limit, _floor(limit, tenants), strict)
    try:
        return tier, DirectoryVault(Path(path) / "keyring")
    except VaultError as error:
        tier.close()
        raise TierUnavailable(str(error)) from error


def open_remote(url: str, tenants: int = 1, strict: bool = False) -> tuple[Tier, Vault]:
    """``s3://BUCKET/PREFIX?endpoint=URL&limit=SIZE`` or ``valkey://HOST:PORT/DB?limit=SIZE``.

    Connects later: a server out of reach is no error. ValueError, TierUnavailable.
    """
    parts = urlsplit(url)
    kind = {"redis": "valkey", "rediss": "valkey", "valkeys": "valkey"}.get(
        parts.scheme, parts.scheme
    )
    if kind not in DEFAULT_LIMITS:
        raise ValueError(f"{url!r}: a remote tier is s3://... or valkey://...")
    size = dict(parse_qsl(parts.query)).get("limit")
    limit = parse_size(size) if size else DEFAULT_LIMITS[kind]
    quota = (limit, _floor(limit, tenants), strict)
    if kind == "s3":
        from headstart.kv.tiers.s3 import S3Tier
        from headstart.kv.tiers.s3_bucket import connect
        from headstart.kv.tiers.s3_vault import S3Vault

        return Guard(S3Tier(connect(url), *quota)), S3Vault(connect(url, READ_SECONDS))
    from headstart.kv.tiers import valkey

    space = valkey.namespace(url)
    return (
        Guard(valkey.ValkeyTier(valkey.connect(url), *quota, space=space)),
        valkey.ValkeyVault(valkey.connect(url, READ_SECONDS), space),
    )


def open_store(
    fingerprint: Fingerprint,
    disk: str | None = None,
    remotes: Sequence[str] = (),
    master: MasterKey | None = None,
    previous: MasterKey | None = None,
    tenants: int = 1,
    strict: bool = False,
    queue_bytes: int = QUEUE_BYTES,
) -> TieredStore:
    """The tiers named, fastest first, and the keyring they share.

    ``tenants`` splits each tier into equal floors; ``strict`` forbids borrowing.
    ``previous``: the master key to rotate away from. ValueError, TierUnavailable,
    KeyringError.
    """
    opened: list[tuple[Tier, Vault]] = []
    try:
        if disk:
            opened.append(open_disk(disk, tenants, strict))
        opened += [open_remote(url, tenants, strict) for url in remotes]
        keyring = Keyring([vault for _, vault in opened], master, previous)
    except BaseException:
        for tier, _ in opened:
            tier.close()
        raise
    return TieredStore([tier for tier, _ in opened], keyring, fingerprint, queue_bytes)


def _floor(limit: int, tenants: int) -> int | None:
    """What each tenant is sure of; None for a single one."""
    return limit // tenants if tenants > 1 else None
