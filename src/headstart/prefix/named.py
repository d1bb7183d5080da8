"""Eviction policies by the names that options and reports use."""

from __future__ import annotations

from collections.abc import Callable

from headstart.prefix.learned import Learned
from headstart.prefix.policies import FIFO, LFU, LRU, Policy

POLICIES: dict[str, Callable[[], Policy]] = {
    "lru": LRU,
    "lfu": LFU,
    "fifo": FIFO,
    "learned": Learned,
}


def policy_named(name: str) -> Callable[[], Policy]:
    """ValueError for a name that no policy has."""
    if name not in POLICIES:
        raise ValueError(f"no eviction policy {name!r} (known: {', '.join(POLICIES)})")
    return POLICIES[name]
