"""When prefixes are used again: the hazard of the gap to the next use, by class, online.

An *episode* begins when a prefix is used. It ends with the next use, or goes on. While it
goes on it is at risk in one bin of age after the other, so that a class whose prefixes are
never used again is seen to be one as its episodes grow old, and not an hour later
(Kaplan-Meier). A rare class is expected to do what its parent does, the more the rarer it
is (shrinkage), and the root starts from a prior that is stated here and not fitted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable
from itertools import pairwise
from typing import Final

EDGES: Final[tuple[float, ...]] = (
    *(0, 10, 30, 60, 120, 300),
    *(600, 1200, 1800, 3600),
    *(7200, 14400, 28800, 57600, 115200),
)
"""Ages in seconds at which bins begin; the last one is the end of what is learned."""
BINS: Final = len(EDGES) - 1
_WIDTHS: Final = tuple(end - begin for begin, end in pairwise(EDGES))
_PRIOR: Final = (0.15,) * 5 + (0.02,) * 9
"""Chance of a use in each bin, for one who knows nothing: 56% within 5 minutes, so that a
first prompt is written, and little after that, so that nothing lasts that was not seen to."""
PRIOR_WEIGHT: Final = 6.0
PARENT_WEIGHT: Final = 12.0
"""Episodes that the prior weighs at the root, and a parent's hazard at each class."""
KEPT: Final = 4000.0
"""Episodes of a class after which its counts are halved: what is long past is forgotten."""
MOST_CLASSES: Final = 4096


def bin_of(age: float) -> int:
    """The bin of an age in seconds; ``BINS`` beyond the last edge."""
    return bisect_right(EDGES, age) - 1 if age > 0 else 0


class Class:
    """Counts of one class: uses, and episodes that were at risk, by bin of age. What happens
    to it happens to all above it."""

    __slots__ = ("_above", "_changes", "_hazards", "_read", "_risk", "_used", "_weight")

    def __init__(self, parent: Class | None) -> None:
        self._used = [0.0] * BINS
        self._risk = [0.0] * BINS
        self._weight = PRIOR_WEIGHT if parent is None else PARENT_WEIGHT
        self._above: tuple[Class, ...] = (*(parent._above if parent else ()), self)
        """From the root down to this one."""
        self._changes: list[int] = parent._changes if parent else [0] * (BINS + 1)
        """When each bin last changed in any class of the tree, then the number of changes."""
        self._hazards = [0.0] * BINS
        self._read = -1
        """The number of changes when these were worked out."""

    def entered(self, number: int) -> None:
        """An episode is at risk in this bin from now on. It counts by half until it is known
        how that ends: wide bins would seem safe, or deadly, to those who wait for the end."""
        for kind in self._above:
            kind._risk[number] += 0.5
        self._changed(number)

    def used(self, number: int) -> None:
        """An episode ended with a use in this bin."""
        for kind in self._above:
            kind._used[number] += 1
        self.passed(number)

    def passed(self, number: int) -> None:
        """An episode was at risk in this bin to its end."""
        for kind in self._above:
            risk = kind._risk
            risk[number] += 0.5
            if risk[number] > KEPT:
                kind._used = [count / 2 for count in kind._used]
                kind._risk = [count / 2 for count in risk]
                for other in range(BINS):
                    self._changed(other)
        self._changed(number)

    def hazards(self) -> list[float]:
        """The chance of a use in each bin, for an episode that reached it. Not to be changed."""
        changes, read = self._changes, self._read
        if changes[BINS] != read:
            self._hazards = [
                self._chance(number) if changes[number] > read else chance
                for number, chance in enumerate(self._hazards)
            ]
            self._read = changes[BINS]
        return self._hazards

    def _chance(self, number: int) -> float:
        chance = _PRIOR[number]
        for kind in self._above:
            weight = kind._weight
            chance = (kind._used[number] + weight * chance) / (kind._risk[number] + weight)
        return chance

    def _changed(self, number: int) -> None:
        changes = self._changes
        changes[BINS] = changes[number] = changes[BINS] + 1


def within(hazards: list[float], age: float, seconds: float) -> float:
    """P(next use before ``age + seconds`` | none until ``age``), 0 to 1."""
    alive, at, end = 1.0, max(age, 0.0), min(max(age, 0.0) + seconds, EDGES[-1])
    number = bin_of(at)
    while at < end and number < BINS:
        upto = EDGES[number + 1]
        if at == EDGES[number] and upto <= end:
            alive *= 1 - hazards[number]
        else:
            upto = min(end, upto)
            alive *= (1 - hazards[number]) ** ((upto - at) / _WIDTHS[number])
        at = upto
        number += 1
    return 1 - alive


class Classes:
    """Classes by path, each below the one of its shorter path. At most ``limit`` of them;
    the least recently used leaf path goes first, and is learned anew if it comes again."""

    def __init__(self, limit: int = MOST_CLASSES) -> None:
        self._limit = limit
        self._root = Class(None)
        self._held: OrderedDict[tuple[Hashable, ...], Class] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def at(self, path: tuple[Hashable, ...]) -> Class:
        """The class of a path, made if it is new."""
        if not path:
            return self._root
        found = self._held.get(path)
        if found is None:
            found = self._held[path] = Class(self.at(path[:-1]))
            if len(self._held) > self._limit:
                self._held.popitem(last=False)
        self._held.move_to_end(path)
        return found
