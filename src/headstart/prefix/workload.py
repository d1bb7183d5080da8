"""What a simulation replays: calls to a model, their prompts as numbered blocks.

Blocks are numbered so that a number stands for a block *and everything before it*: equal
numbers are equal prefixes, two calls share exactly their common leading numbers, and the
numbers are dense from 0 on.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Call(NamedTuple):
    """One prompt: when (seconds), its whole blocks, and all of its tokens, those of the
    partial block at its end too."""

    time: float
    blocks: array[int]
    tokens: int


@dataclass
class Workload:
    """Calls in the order of time; ``footprint`` is the number of distinct blocks."""

    name: str
    block_tokens: int
    footprint: int = 0
    calls: list[Call] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """Prompt tokens of all calls."""
        return sum(call.tokens for call in self.calls)

    @property
    def touches(self) -> int:
        """Whole blocks of all calls."""
        return sum(len(call.blocks) for call in self.calls)

    def first(self, calls: int) -> Workload:
        """Only so many calls; their blocks are numbered anew."""
        numbers: dict[int, int] = {}
        kept = [
            call._replace(
                blocks=array("i", [numbers.setdefault(b, len(numbers)) for b in call.blocks])
            )
            for call in self.calls[:calls]
        ]
        return Workload(self.name, self.block_tokens, len(numbers), kept)

    def rate(self, blocks: float) -> float:
        """The share of all prompt tokens that so many hit blocks are; 0.0 if there are none."""
        return blocks * self.block_tokens / self.tokens if self.tokens else 0.0


class Numbering:
    """Gives blocks their numbers, by what they hold and what lies before them.

    What ids mean may differ between sessions: a ``root`` of its own keeps them apart.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, Hashable], int] = {}
        self._roots: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def root(self, scope: Hashable) -> int:
        """What the first blocks of a scope hang below; a negative number."""
        return self._roots.setdefault(scope, -1 - len(self._roots))

    def path(
        self, blocks: Sequence[Hashable], root: int, known: int = 0, last: array[int] | None = None
    ) -> array[int]:
        """The numbers of a prompt's blocks; the first ``known`` of them are those of
        ``last``, an earlier path below the same root."""
        numbers = self._numbers
        path = last[:known] if last is not None else array("i")
        parent = path[-1] if path else root
        for block in blocks[len(path) :]:
            parent = numbers.setdefault((parent, block), len(numbers))
            path.append(parent)
        return path
