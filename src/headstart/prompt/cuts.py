"""Prefixes finer than segments, for caches that share part of one."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, NamedTuple

DIGEST_BYTES: Final = 16
CUT_BYTES: Final = 8


class Cuts(NamedTuple):
    """Where a prompt may be cut, in order."""

    symbols: bytes
    """``CUT_BYTES`` a cut: the start of the digest of the prefix that ends there."""
    ends: tuple[int, ...]
    """Tokens of these prefixes; never falling. Within a segment they are interpolated."""


class Cutter:
    """Cuts one prompt, segment by segment, every ``size`` bytes and at each segment's end.

    Sizes are bytes and not tokens because tokens within a segment are only interpolated:
    two texts of different lengths would put their cuts in different places, and share none.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"pieces must have at least 1 byte, not {size}")
        self._size = size
        self._symbols: list[bytes] = []
        self._ends: list[int] = []
        self._tokens = 0

    def cut(self, before: bytes, content: bytes, key: bytes, tokens: int) -> None:
        """The next segment: chained from ``before``, ending in its own ``key``."""
        size, length, state = self._size, len(content), before
        for at in range(size, length, size):
            state = digest(state, content[at - size : at])
            self._symbols.append(state[:CUT_BYTES])
            self._ends.append(self._tokens + at * tokens // length)
        self._tokens += tokens
        self._symbols.append(key[:CUT_BYTES])
        self._ends.append(self._tokens)

    def cuts(self) -> Cuts:
        """All cuts so far."""
        return Cuts(b"".join(self._symbols), tuple(self._ends))


def digest(before: bytes, content: bytes) -> bytes:
    """``before`` has a fixed length (or is the empty start), so no two pairs collide."""
    return blake2b(before + content, digest_size=DIGEST_BYTES).digest()
