"""Outlines for the ledger, each segment digested once and not again with every later turn."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from headstart.explain import Outline, Piece
from headstart.prompt import Chain, Prompt

MOST_PIECES: Final = 16_384
"""Remembered; about 500 bytes of memory each."""
MOST_BYTES: Final = 64 << 10
"""Of a packed outline; a longer one is not kept."""
_LEAST: Final = 20
"""Of one segment."""


class Outlines:
    """Makes packed outlines. Not safe across threads.

    What looks volatile is not looked for: that takes a millisecond for 1,400 characters.
    """

    def __init__(self, key: bytes) -> None:
        """``key`` salts the digests, 64 bytes at most."""
        self._key = key
        self._pieces: OrderedDict[bytes, Piece] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pieces)

    def packed(self, prompt: Prompt, chain: Chain) -> bytes | None:
        """The outline of a prompt, whose chain has its digests and its counts; None if it is
        too long to be kept."""
        if _LEAST * len(prompt.segments) > MOST_BYTES:
            return None
        found = []
        before = 0
        for segment, prefix, end in zip(prompt.segments, chain.plain, chain.ends, strict=True):
            piece = self._pieces.get(prefix)
            if piece is None:
                piece = Piece.of(segment, end - before, self._key, volatile=False)
                self._pieces[prefix] = piece
                if len(self._pieces) > MOST_PIECES:
                    self._pieces.popitem(last=False)
            else:
                self._pieces.move_to_end(prefix)
            found.append(piece)
            before = end
        data = Outline.made(found).pack()
        return data if len(data) <= MOST_BYTES else None
