"""A cache of small pages and an operator's view of it, on memory and a real directory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headstart.kv import KVCache
from headstart.kv.admin import CacheAdmin
from headstart.kv.inventory import CacheEntry
from headstart.kv.keyring import Keyring
from headstart.kv.store import TieredStore
from headstart.kv.tiered import TieredCache
from headstart.kv.tiers.disk import DiskTier
from headstart.kv.vault import DirectoryVault
from headstart.prefix import Scope
from tests.kv.tiers.support import FINGERPRINT, tokens

TOKEN = FINGERPRINT.layout.token_bytes
PAGE = FINGERPRINT.page_tokens
ACME, BETA = Scope("acme", "_operator"), Scope("beta", "_operator")
OPERATOR = Scope("_operator")


class Bench:
    """A cache of 256 tokens; with a directory also a disk tier below it."""

    def __init__(self, root: Path | None = None, limit: int = 1 << 20, room: int = 256) -> None:
        self.cache = KVCache(FINGERPRINT.layout, room * TOKEN)
        self.tiers: Any = None
        if root:
            disk, vault = DiskTier(root, limit), DirectoryVault(root / "keyring")
            self.store = TieredStore([disk], Keyring([vault]), FINGERPRINT)
            self.tiers = TieredCache(self.cache, self.store, PAGE)
        self.admin = CacheAdmin(self.cache, self.tiers, "tiny", context=16)

    def put(self, pages: int, scope: Scope = ACME, seed: int = 0, extra: int = 0) -> bytes:
        """Hold a prefix in memory, and see it written."""
        key = tokens(pages, seed, extra)
        assert self.cache.store(key, scope, time.time(), lambda first, rows: None) * 4 == len(key)
        if self.tiers:
            self.tiers.save(key, scope)
            assert self.tiers.flush(30)
        return key

    def only(self, tenant: str = "") -> CacheEntry:
        (entry,) = self.admin.entries(tenant)
        return entry


MakeBench = Callable[..., Bench]
