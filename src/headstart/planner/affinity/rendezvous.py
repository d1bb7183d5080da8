"""Ties decided by a hash: the same in every process, and steady as replicas come and go."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from headstart.planner.affinity.requests import Replica

_MASK: Final = (1 << 64) - 1


def salt_of(name: str) -> int:
    """What tells a replica's draws from the others'."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def by_hash(family: bytes, replicas: Sequence[Replica]) -> Replica:
    """Rendezvous hashing: a replica that comes or goes moves its own families alone."""
    seed = int.from_bytes(blake2b(family, digest_size=8).digest(), "little")
    return max(replicas, key=lambda replica: _mixed(seed ^ replica.salt))


def _mixed(value: int) -> int:
    """SplitMix64's finaliser."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)
