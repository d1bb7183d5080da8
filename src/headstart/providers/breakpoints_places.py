"""Where a request's breakpoints are: what it may write, and where a provider looks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from headstart.prompt import Chain, Mark
from headstart.providers.rules import Rules


class Places(NamedTuple):
    """Of one request. Segments count from 0."""

    writes: Sequence[Mark]
    """Breakpoints that are honoured, in prompt order, of any size."""
    windows: Iterable[Sequence[int]]
    """Segments at whose end an entry is looked for, in the order of looking."""
    refused: bool = False
    """The provider answers with an error instead."""

    def looked(self) -> set[int]:
        """All segments that are looked at."""
        return {segment for window in self.windows for segment in window}


_REFUSED = Places((), (), True)


class LookBack:
    """Each breakpoint looks at itself and at the positions before it, the last one first;
    what a later one has looked at is not looked at again."""

    def __init__(self, rules: Rules) -> None:
        self._most = rules.most_markers
        self._refuse = rules.excess == "refuse"
        self._back = rules.lookback

    def places(self, chain: Chain) -> Places:
        """Of one prompt."""
        marks = chain.marks
        if len(marks) > self._most:
            if self._refuse:
                return _REFUSED
            marks = marks[-self._most :] if self._most else ()
        return Places(marks, _Windows(chain.positions, marks, self._back))


class _Windows:
    """Ranges of segments from each breakpoint backwards."""

    __slots__ = ("_back", "_marks", "_positions")

    def __init__(self, positions: Sequence[int], marks: Sequence[Mark], back: int | None) -> None:
        self._positions = positions
        self._marks = marks
        self._back = back

    def __iter__(self) -> Iterator[Sequence[int]]:
        positions, back = self._positions, self._back
        above = len(positions)
        for segment, _ in reversed(self._marks):
            bottom = 0 if back is None else bisect_right(positions, positions[segment] - back)
            if bottom < above:
                yield range(min(segment, above - 1), bottom - 1, -1)
                above = bottom


class Boundaries:
    """Only the breakpoints themselves are looked up, and places where the provider would
    have put one of its own; the longest prefix first."""

    def __init__(self, rules: Rules) -> None:
        self._most = rules.most_markers
        self._first, self._latest, self._endings = rules.lookups
        self._ttl = rules.lifetimes[0].seconds

    def places(self, chain: Chain) -> Places:
        """Of one prompt."""
        marks = chain.marks
        looked = {mark.segment for mark in (*marks[: self._first], *_last(marks, self._latest))}
        if chain.controls.mode == "explicit":
            return Places(_last(marks, self._most), (sorted(looked, reverse=True),))
        bounds = chain.boundaries
        if not bounds:
            return Places(_last(marks, self._most - 1), (sorted(looked, reverse=True),))
        looked.update(bounds[-1 - self._endings :])
        if chain.system - 1 in bounds:
            looked.add(chain.system - 1)
        return Places(self._writes(chain, bounds[-1]), (sorted(looked, reverse=True),))

    def _writes(self, chain: Chain, end: int) -> Sequence[Mark]:
        """The latest explicit breakpoints but one, and one at the last boundary."""
        explicit = _last(chain.marks, self._most - 1)
        if any(mark.segment == end for mark in explicit):
            return explicit
        ttl = self._ttl if chain.controls.ttl is None else chain.controls.ttl
        return sorted((*explicit, Mark(end, ttl)))


def places_of(rules: Rules) -> LookBack | Boundaries:
    """How rules choose and find breakpoints."""
    if rules.implicit == "default" and rules.lookback is None:
        return Boundaries(rules)
    return LookBack(rules)


def _last(marks: Sequence[Mark], most: int) -> Sequence[Mark]:
    return marks[-most:] if most > 0 else ()
