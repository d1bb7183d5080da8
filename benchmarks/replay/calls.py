"""What is replayed: calls to a model, each prompt as digests of its prefixes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from headstart.planner import Features
from headstart.prefix.beginning import equal_beginning
from headstart.prompt import Chain, Controls

_LONGEST = 16_384
_COUNT = tuple(range(_LONGEST + 1))
"""Shared by all chains: what is longer is cut off, and its rest is plain input."""


class Call(NamedTuple):
    """One request. ``keys[i]`` stands for blocks 0..i in one lane and model."""

    time: float
    """Seconds; lanes of one traffic share a clock."""
    ended: float
    model: str
    conversation: str
    keys: tuple[bytes, ...]
    size: int
    """Tokens a block; the last one is shorter if ``tokens`` says so."""
    tokens: int
    """Input in all."""
    tools: int
    system: int
    """Blocks up to the ends of tools and system text, 0 if there are none."""
    places: tuple[int, ...]
    """Blocks at whose end a directive may stand, rising, the last block among them."""
    answered: tuple[int, int] | None
    """First and last block of the model's latest message."""
    features: Features
    output: int = 0
    stop: str | None = None

    @property
    def covered(self) -> int:
        """Tokens that can be cached."""
        return min(self.tokens, self.size * len(self.keys))

    def end(self, block: int) -> int:
        """Tokens through a block."""
        return min(self.size * (block + 1), self.tokens)

    def chain(self) -> Chain:
        """As a planner and an emulator take it. What can't be cached is its last segment, on
        which no directive may stand."""
        count, size, covered = len(self.keys), self.size, self.covered
        keys, ends = self.keys, tuple(range(size, size * count, size))
        if count:
            ends += (covered,)
        if covered < self.tokens:
            keys += (b"rest of " + (keys[-1] if keys else b""),)
            ends += (self.tokens,)
        return Chain(
            self.model,
            keys,
            keys,
            ends,
            _COUNT[: len(keys)],
            self.tools,
            max(self.tools, self.system),
            (),
            (),
            {},
            Controls(),
            outputs=(self.answered,) if self.answered else (),
        )


class Traffic(NamedTuple):
    """Calls in the order of their times."""

    name: str
    kind: str
    """"claude-code", "mooncake", "text", "chat" or "adversarial"."""
    calls: Sequence[Call]

    @property
    def tokens(self) -> int:
        """Input of all calls."""
        return sum(call.tokens for call in self.calls)


class Keys:
    """Prefix digests of one lane: most of a prompt repeats the one before."""

    def __init__(self, lane: str) -> None:
        self._lane = lane.encode()
        self._ids: Sequence[object] = ()
        self._keys: tuple[bytes, ...] = ()

    def of(self, ids: Sequence[object]) -> tuple[bytes, ...]:
        """Digests; ``ids[i]`` tells what blocks 0..i hold."""
        ids = ids[:_LONGEST]
        same = equal_beginning(ids, self._ids)
        rest = (b"%b/%d/%b" % (self._lane, i, str(ids[i]).encode()) for i in range(same, len(ids)))
        self._keys = self._keys[:same] + tuple(rest)
        self._ids = ids
        return self._keys
