"""A prompt without its text: digests and sizes of segments and blocks, and where two such
part. What a ledger keeps of a request, so that a miss can be explained later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from headstart.prompt import Kind, Prompt, Segment, VolatileKind, canonical_json, spans
from headstart.prompt.chain import SECTIONS
from headstart.prompt.diff_shape import Shape, aligned
from headstart.prompt.remedies import remedy

BLOCK: Final = 256
"""Characters of a block; in a segment of more than ``_MOST_BLOCKS`` twice as many, or four
times, and so on."""
_MOST_BLOCKS: Final = 64
_LOOKED_AT: Final = 20_000
"""Characters of a segment in which volatile spans are looked for."""
_DIGEST: Final = 8
_BLOCK_DIGEST: Final = 4
_VERSION: Final = 1


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """One segment."""

    kind: Kind
    role: str
    digest: bytes
    characters: int
    tokens: int
    blocks: bytes
    """Digests of the text's beginnings, a block longer each."""
    volatile: tuple[tuple[VolatileKind, int, int], ...] = ()
    """Kind, start and end of what looks volatile in tools and system text."""

    @classmethod
    def of(cls, segment: Segment, tokens: int, key: bytes = b"", *, volatile: bool = True) -> Piece:
        """See ``Outline.of``."""
        text = segment.text
        content = segment.canonical or canonical_json(segment.content).encode(
            "utf-8", "surrogatepass"
        )
        head = f"{segment.kind}\x00{segment.role}\x00".encode()
        stable = segment.kind is not Kind.MESSAGE or segment.role == "system"
        return cls(
            segment.kind,
            segment.role,
            blake2b(head + content, digest_size=_DIGEST, key=key).digest(),
            len(text),
            tokens,
            _blocks(text, key),
            _spans(text[:_LOOKED_AT]) if volatile and stable else (),
        )

    @property
    def block(self) -> int:
        """Characters of a block."""
        return _block(self.characters)


class Outline(msgspec.Struct, frozen=True, array_like=True):
    """All segments, in prompt order."""

    version: int
    pieces: tuple[Piece, ...]

    @classmethod
    def of(
        cls,
        prompt: Prompt,
        count: Callable[[Segment], int],
        key: bytes = b"",
        *,
        volatile: bool = True,
    ) -> Outline:
        """``key`` salts the digests (64 bytes at most): outlines under one key compare, and
        who lacks it cannot try out guesses. To look for what is ``volatile``, in tools and
        system text that were not seen lately, takes about 1 ms for 1,400 characters."""
        return cls.made(Piece.of(s, count(s), key, volatile=volatile) for s in prompt.segments)

    @classmethod
    def made(cls, pieces: Iterable[Piece]) -> Outline:
        """Out of pieces that were made before, all under one key."""
        return cls(_VERSION, tuple(pieces))

    def pack(self) -> bytes:
        """About 40 bytes a segment and 4 a block."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, data: bytes) -> Outline:
        """ValueError for anything but what ``pack`` gave."""
        try:
            found = msgspec.msgpack.decode(data, type=cls)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"not an outline: {error}") from None
        if found.version != _VERSION:
            raise ValueError(f"an outline of version {found.version}")
        return found


class Range(NamedTuple):
    """Characters of a segment's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Parting:
    """The first difference of two prompts, as far as digests tell."""

    segment: int
    section: Kind
    block: Range | None
    """The characters among which the first difference is; None for whole segments that come
    or go, and for a difference that is not in the text."""
    volatile: VolatileKind | None
    """What looks volatile there in both prompts: most likely what differs."""
    shape: Shape
    length: int
    rejoins: bool
    remedy: str

    def render(self) -> str:
        """Lines for a terminal."""
        where = f", characters {self.block.start:,} to {self.block.end:,}" if self.block else ""
        kind = f"perhaps a {self.volatile}" if self.volatile else "content"
        what = kind if self.shape == "edit" else self.shape
        rest = "nothing else differs" if self.rejoins else "more differs after it"
        head = f"segment {self.segment} ({self.section}){where}: {what}; {rest}"
        return "\n".join((head, "(the text was not kept)", self.remedy))


def part(a: Outline, b: Outline) -> Parting | None:
    """The first difference; None where one prompt is how the other begins."""
    x, y = [piece.digest for piece in a.pieces], [piece.digest for piece in b.pieces]
    at = next((i for i, (p, q) in enumerate(zip(x, y, strict=False)) if p != q), None)
    if at is None:
        return None
    one, two = a.pieces[at], b.pieces[at]
    shape, length, rejoins = aligned(x, y, at)
    if shape == "edit" and one.kind != two.kind:
        # What only one of them has of an earlier section came or went; it was not edited.
        came = SECTIONS.index(two.kind) < SECTIONS.index(one.kind)
        shape, rejoins = "insertion" if came else "deletion", False
        kinds = [piece.kind for piece in (b if came else a).pieces[at:]]
        length = kinds.count(kinds[0])
    block = _first_block(one, two) if shape == "edit" else None
    kind = _volatile(one, two, block) if block else None
    if shape == "reorder":
        tools = one.kind is Kind.TOOL
        kind = VolatileKind.TOOL_ORDER if tools else VolatileKind.EXAMPLE_ORDER
    section = (two if shape == "insertion" else one).kind
    advised = remedy(kind, shape, section)
    return Parting(at, section, block, kind, shape, length, rejoins, advised)


@lru_cache(maxsize=128)
def _spans(text: str) -> tuple[tuple[VolatileKind, int, int], ...]:
    return tuple((span.kind, span.start, span.end) for span in spans(text))


def _block(characters: int) -> int:
    size = BLOCK
    while characters > size * _MOST_BLOCKS:
        size *= 2
    return size


def _blocks(text: str, key: bytes) -> bytes:
    """Each digest is of all the text up to there: two texts with blocks of different sizes
    have every second, or fourth, in common."""
    size, state, found = _block(len(text)), blake2b(digest_size=_DIGEST, key=key), []
    for start in range(0, len(text), size):
        state.update(text[start : start + size].encode("utf-8", "surrogatepass"))
        found.append(state.digest()[:_BLOCK_DIGEST])
    return b"".join(found)


def _first_block(a: Piece, b: Piece) -> Range | None:
    step = max(a.block, b.block)
    shorter, longer = sorted((a.characters, b.characters))
    for end in range(step, shorter + 1, step):
        if _upto(a, end) != _upto(b, end):
            return Range(end - step, end)
    if shorter == longer and a.blocks == b.blocks:
        return None
    start = shorter // step * step
    return Range(start, min(start + step, longer))


def _upto(piece: Piece, end: int) -> bytes:
    last = end // piece.block
    return piece.blocks[(last - 1) * _BLOCK_DIGEST : last * _BLOCK_DIGEST]


def _volatile(a: Piece, b: Piece, block: Range) -> VolatileKind | None:
    kinds = [
        {kind for kind, start, end in piece.volatile if start < block.end and end > block.start}
        for piece in (a, b)
    ]
    both = kinds[0] & kinds[1]
    return next((kind for kind, _, _ in b.volatile if kind in both), None)
