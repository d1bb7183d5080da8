"""Prompts of which only sizes are known, as blocks: each goes on from the one before it.

Transcripts of coding agents have no prompts, only their tokens and which call came before. A
prompt that is longer than its predecessor's is taken to begin with all of that; one that is
shorter, or follows a compaction, with as much as was read from the cache.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, NamedTuple

from headstart.audit.record import Blocks
from headstart.usage import Usage

BLOCK: Final = 64
"""Tokens."""
_MOST: Final = 4_000_000
"""Tokens of a prompt; what is said to be longer is not believed."""


class Grown(NamedTuple):
    """A prompt so far."""

    ids: tuple[bytes, ...] = ()
    tokens: int = 0


NOTHING: Final = Grown()


def grown(before: Grown, usage: Usage, name: str, *, cut: bool = False) -> Grown:
    """The next prompt, of the request ``name``; ``cut``: it is known not to go on."""
    tokens = usage.input if usage.input <= _MOST else 0
    shared = usage.read if cut or tokens < before.tokens else before.tokens
    kept = before.ids[: min(shared, tokens, before.tokens) // BLOCK]
    scope = blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()
    need = -(-tokens // BLOCK)
    new = tuple(scope + at.to_bytes(4, "big") for at in range(len(kept), need))
    return Grown(kept + new, tokens)


def blocks_of(prompt: Grown) -> Blocks | None:
    """None of an empty one."""
    return Blocks(prompt.ids, BLOCK, prompt.tokens) if prompt.ids else None
