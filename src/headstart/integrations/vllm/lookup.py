"""What the store has of new requests' prompts, asked off the scheduler's thread."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from headstart.integrations.vllm.background import FAULTS
from headstart.kv.fingerprint import Fingerprint
from headstart.kv.store import TieredStore
from headstart.prefix import Scope

WAIT_SECONDS = 0.005
"""What the scheduler waits for an answer before it looks after other requests; a disk takes
1 to 2 ms."""
STALE_SECONDS = 5.0


class Found(NamedTuple):
    """Leading pages that every rank can load."""

    pages: int
    local: int
    """How many of them lie in a tier that costs no network."""
    names: tuple[str, ...]
    """Of all full pages of the prompt, as rank 0 stores them."""


class Lookup:
    """One question; ask again once it is ``stale``."""

    def __init__(self, future: Future[Found]) -> None:
        self._future = future
        self._asked = time.monotonic()

    @property
    def stale(self) -> bool:
        """The answer is too old to be relied on."""
        return self._future.done() and time.monotonic() - self._asked > STALE_SECONDS

    def answer(self) -> Found | None:
        """None if it takes longer than ``WAIT_SECONDS``."""
        try:
            return self._future.result(WAIT_SECONDS)
        except TimeoutError:
            return None


class Lookups:
    """Asks for all ranks of one model."""

    def __init__(self, store: TieredStore, ranks: Sequence[Fingerprint]) -> None:
        self._store = store
        self._ranks = ranks
        self._pool = ThreadPoolExecutor(4, "headstart-lookup")

    def ask(self, tokens: bytes, scope: Scope) -> Lookup:
        """Of packed tokens."""
        return Lookup(self._pool.submit(self._find, tokens, scope))

    def close(self) -> None:
        """Stop."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _find(self, tokens: bytes, scope: Scope) -> Found:
        try:
            prefixes = [self._store.prefix(tokens, scope, made) for made in self._ranks]
            located = [self._store.probe(prefix) for prefix in prefixes]
        except Exception:
            FAULTS.note("looking a prompt up")
            return Found(0, 0, ())
        tiers = min((found.tiers for found in located), key=len)
        local = sum(self._store.tiers[tier].local for tier in tiers)
        return Found(len(tiers), local, tuple(key.name for key in prefixes[0].keys))
