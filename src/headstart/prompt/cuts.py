"""Prefixes finer than segments, for caches that share part of one."""

from __future__ import annotations

from hashlib import blake2b
from itertools import chain as joined
from typing import TYPE_CHECKING, Final, NamedTuple

from headstart.prompt.known import Mine

if TYPE_CHECKING:
    from headstart.prompt.contents import Content

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

    def __init__(self, size: int, known: Mine | None = None) -> None:
        if size < 1:
            raise ValueError(f"pieces must have at least 1 byte, not {size}")
        self._size = size
        self._known = known
        self._symbols: list[bytes] = []
        self._ends: list[tuple[int, ...]] = []
        self._tokens = 0

    def cut(self, before: bytes, content: Content, key: bytes, tokens: int) -> None:
        """The next segment: chained from ``before``, ending in its own ``key``."""
        symbols, ends = self._within(before, content, tokens)
        self._tokens += tokens
        self._symbols += (symbols, key[:CUT_BYTES])
        self._ends += (ends, (self._tokens,))

    def _within(
        self, before: bytes, content: Content, tokens: int
    ) -> tuple[bytes, tuple[int, ...]]:
        """The cuts before the segment's end."""
        known = self._known if content.digest is not None else None
        # All that went before is in ``before``, but for how it was counted.
        at = ("cuts", self._size, before, content.role, content.digest, self._tokens, tokens)
        found: tuple[bytes, tuple[int, ...]] | None = known.get(*at) if known else None
        if found is None:
            found = self._made(before, content.whole, tokens)
            if known is not None:
                known.put(found, len(found[0]) + 40 * len(found[1]), *at)
        return found

    def _made(self, state: bytes, content: bytes, tokens: int) -> tuple[bytes, tuple[int, ...]]:
        size, length, start = self._size, len(content), self._tokens
        symbols = []
        for at in range(size, length, size):
            state = digest(state, content[at - size : at])
            symbols.append(state[:CUT_BYTES])
        ends = tuple([start + at * tokens // length for at in range(size, length, size)])
        return b"".join(symbols), ends

    def cuts(self) -> Cuts:
        """All cuts so far."""
        return Cuts(b"".join(self._symbols), tuple(joined.from_iterable(self._ends)))


def digest(before: bytes, content: bytes) -> bytes:
    """``before`` has a fixed length (or is the empty start), so no two pairs collide."""
    return blake2b(before + content, digest_size=DIGEST_BYTES).digest()
