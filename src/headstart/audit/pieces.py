"""Prefixes finer than segments, for caches that share part of one: made from faces' cuts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from headstart.audit.faces import PIECE, Face
from headstart.prompt import CUT_BYTES, Cuts
from headstart.providers import Rules

_BYTES_PER_TOKEN: Final = 4
_TOKENS: Final = (16, 64)
"""As the emulators of caches without markers cut a segment."""


class Pieces(NamedTuple):
    """Cuts within a prompt's segments, and at their ends."""

    cuts: Cuts
    upto: tuple[int, ...]
    """How many there are up to the end of each segment."""


NO_PIECES: Final = Pieces(Cuts(b"", ()), ())


def stride_of(rules: Rules) -> int:
    """Of how many of a face's cuts a provider's rules make one."""
    low, high = _TOKENS
    size = _BYTES_PER_TOKEN * min(high, max(low, rules.granularity // 4))
    return max(1, size // PIECE)


class Added(NamedTuple):
    """One segment behind others."""

    face: Face
    before: bytes
    """Key of all that stands before it."""
    key: bytes
    """And of all up to its end."""
    start: int
    end: int
    """Tokens up to its beginning and to its end."""


def extended(pieces: Pieces, segments: int, added: Sequence[Added], stride: int) -> Pieces:
    """The first so many segments of a prompt, and others behind them."""
    upto = pieces.upto[:segments]
    kept = upto[-1] if upto else 0
    symbols, ends, counts = [pieces.cuts.symbols[: kept * CUT_BYTES]], list[int](), list[int]()
    for face, before, key, start, end in added:
        symbols.append(_symbols(face.cuts, stride, before))
        symbols.append(key[:CUT_BYTES])
        ends += _within(start, end - start, face.size, len(face.cuts), stride)
        ends.append(end)
        counts.append(kept + len(ends))
    cuts = Cuts(b"".join(symbols), pieces.cuts.ends[:kept] + tuple(ends))
    return Pieces(cuts, upto + tuple(counts))


def _symbols(cuts: bytes, stride: int, before: bytes) -> bytes:
    """The cuts within a segment, told apart by what stands before it."""
    if stride > 1:
        count = len(cuts) // CUT_BYTES
        cuts = b"".join(
            cuts[i * CUT_BYTES : (i + 1) * CUT_BYTES] for i in range(stride - 1, count, stride)
        )
    if not cuts:
        return cuts
    mask = before[:CUT_BYTES].ljust(CUT_BYTES, b"\0") * (len(cuts) // CUT_BYTES)
    mixed = int.from_bytes(cuts, "big") ^ int.from_bytes(mask, "big")
    return mixed.to_bytes(len(cuts), "big")


def _within(start: int, tokens: int, size: int, cuts: int, stride: int) -> list[int]:
    """Tokens up to each cut within a segment; interpolated, as the emulators do."""
    step = PIECE * stride
    count = cuts // CUT_BYTES // stride
    return [start + at * tokens // size for at in range(step, count * step + 1, step)]
