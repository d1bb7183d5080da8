"""What became of a list of segments: one edited, some inserted, deleted or reordered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

Shape = Literal["edit", "insertion", "deletion", "reorder"]
_TRIES = 8
"""Places of an equal segment that are tried as the end of an insertion."""


class Alignment(NamedTuple):
    """How the one list goes on from ``at``, against the other; see ``Split``."""

    shape: Shape
    length: int
    rejoins: bool


def aligned(x: Sequence[Hashable], y: Sequence[Hashable], at: int) -> Alignment:
    """``x`` and ``y`` are equal before ``at``, and differ there; both have an item there."""
    length = _reordered(x, y, at)
    if length:
        return Alignment("reorder", length, _agree(x, at + length, y, at + length))
    for place in _places(x[at], y, at + 1):
        if _agree(x, at, y, place):
            return Alignment("insertion", place - at, True)
    for place in _places(y[at], x, at + 1):
        if _agree(x, place, y, at):
            return Alignment("deletion", place - at, True)
    return Alignment("edit", 1, _agree(x, at + 1, y, at + 1))


def _agree(x: Sequence[Hashable], i: int, y: Sequence[Hashable], j: int) -> bool:
    """From there on one is how the other begins."""
    count = min(len(x) - i, len(y) - j)
    return x[i : i + count] == y[j : j + count]


def _places(item: Hashable, items: Sequence[Hashable], start: int) -> list[int]:
    found = []
    for place in range(start, len(items)):
        if items[place] == item:
            found.append(place)
            if len(found) == _TRIES:
                break
    return found


def _reordered(x: Sequence[Hashable], y: Sequence[Hashable], at: int) -> int:
    """The length of what has the same items in another order: up to the last place where
    items differ and all before are balanced. 0 if there is no such place."""
    owed: Counter[Hashable] = Counter()
    open_items = length = 0
    for i in range(at, min(len(x), len(y))):
        for item, step in ((x[i], 1), (y[i], -1)):
            before = owed[item]
            owed[item] = before + step
            open_items += abs(before + step) - abs(before)
        if open_items == 0 and x[i] != y[i]:
            length = i + 1 - at
    return length
