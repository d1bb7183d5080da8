"""One distinct segment, as the audit keeps it: digests and sizes, its text only packed."""

from __future__ import annotations

from typing import Final, NamedTuple

from headstart.prompt.cuts import CUT_BYTES, digest

PIECE: Final = 128
"""Bytes between two cuts within a segment."""
MARKABLE, BOUNDARY = 1, 2
BLOCK: Final = "block"
"""Type of a segment that is a block of a trace without text."""


class Kept(NamedTuple):
    """A text as what it has otherwise than an earlier one: ``head`` characters of that, the
    ``middle``, ``tail`` characters of that."""

    base: int
    """Number of the other segment; -1: there is none."""
    head: int
    tail: int
    middle: bytes
    packed: bool


class Face(NamedTuple):
    """One distinct segment. Two of one ``digest`` are the same to a cache."""

    digest: bytes
    """16 bytes, of role and content."""
    kind: int
    """Index into ``SECTIONS``."""
    role: str
    type: str
    part: int
    step: int
    """Messages between the segment before it and this one; 0 within one message."""
    flags: int
    tokens: int
    size: int
    """Bytes of role and content."""
    cuts: bytes
    """``CUT_BYTES`` for every ``PIECE`` bytes before the end, each of all up to there."""
    text: Kept | None


def cuts_of(content: bytes) -> bytes:
    """``Face.cuts`` of role and content."""
    state, found = b"", []
    for at in range(PIECE, len(content), PIECE):
        state = digest(state, content[at - PIECE : at])
        found.append(state[:CUT_BYTES])
    return b"".join(found)
