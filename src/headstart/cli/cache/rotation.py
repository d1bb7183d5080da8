"""``headstart cache rotate-key``: straight on the tiers, whether servers run or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headstart.kv.keyring import Keyring, KeyringError
from headstart.kv.open import open_remote, parse_size
from headstart.kv.record import decode
from headstart.kv.seal import MasterKey, SealError
from headstart.kv.tiers.contract import Tier, TierError
from headstart.kv.vault import DirectoryVault, Vault, VaultError
from headstart.server import ConfigError


def rotate(disk: str | None, remotes: Sequence[str], old: str, new: str) -> tuple[int, bool]:
    """How many keys were wrapped anew, and whether every tier has them so now.

    An interrupted rotation is finished by running it again. ConfigError in one line.
    """
    tiers: list[Tier] = []
    try:
        before, after = MasterKey.load(old), MasterKey.load(new)
        vaults: list[Vault] = [DirectoryVault(_keyring(disk))] if disk else []
        for url in remotes:
            tier, vault = open_remote(url)
            tiers.append(tier)
            vaults.append(vault)
        wrapped = _wrapped_by(vaults, before)
        ring = Keyring(vaults, after, previous=before)
        ring.refresh()
        everywhere = ring.complete
        ring.close()
        return wrapped, everywhere
    except (ValueError, SealError, KeyringError, VaultError, TierError) as error:
        raise ConfigError(str(error)) from error
    finally:
        for tier in tiers:
            tier.close()


def _keyring(disk: str) -> Path:
    """``PATH`` or ``PATH:SIZE``, as ``serve`` takes it."""
    path, colon, size = disk.rpartition(":")
    if colon:
        try:
            parse_size(size)
            disk = path
        except ValueError:
            pass
    keyring = Path(disk) / "keyring"
    if not keyring.is_dir():
        raise ValueError(f"{disk}: no keyring there, so no disk tier")
    return keyring


def _wrapped_by(vaults: Sequence[Vault], master: MasterKey) -> int:
    found = set()
    for vault in vaults:
        try:
            records = vault.records()
        except VaultError:
            continue
        for name, data in records.items():
            if decode(data, name).master == master.id.hex():
                found.add(name)
    return len(found)
