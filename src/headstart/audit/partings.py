"""Where requests part from those that they continue, and what would take that away.

Each request is laid beside the one it goes on from (and a conversation's first one beside
another conversation's: tools and system text alone). Differences that equal content stands
behind are taken away one after the other; what remains is new, as it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from headstart.audit.causes import Cause, Found, Pair
from headstart.audit.links import Links
from headstart.audit.log import Log, Row
from headstart.prefix.beginning import equal_beginning
from headstart.prompt import Kind, VolatileKind
from headstart.prompt.diff_shape import Alignment, Shape, aligned
from headstart.prompt.volatile_compare import changed

_MOST: Final = 12
"""Differences of two requests that are taken away."""
_WORTH: Final = 200
"""Equal characters behind a difference in its own segment that make it stand in front of
something."""
_ALIKE: Final = 0.5
"""Share of a text that must be the same for two wordings of one."""


class Partings:
    """Finds them; ``found`` has the result."""

    def __init__(self, log: Log, links: Links) -> None:
        self._log = log
        self._segments = log.segments
        self._faces = log.segments.faces
        self.found = Found(log.segments)
        self._wordings: dict[tuple[bytes, bytes], int] = {}
        texts = [row for row in log.rows if row.node and not row.blocks]
        for row in texts:
            if links.before[row.number] >= 0 and not links.whole[row.number]:
                self._lay(log.rows[links.before[row.number]], row, across=False)
        # Conversations are compared once it is known what changes within each of them.
        for row in texts:
            if links.beside[row.number] >= 0:
                self._lay(log.rows[links.beside[row.number]], row, across=True)
        self.found.merge()
        self.found.settle()

    def _lay(self, before: Row, row: Row, *, across: bool) -> None:
        old, new = self._log.segments_of(before), self._log.segments_of(row)
        if across:
            old, new = ([n for n in side if self._faces[n].kind < 2] for side in (old, new))
        a, b = [self.found.name(n) for n in old], [self.found.name(n) for n in new]
        places_a, places_b = list(range(len(a))), list(range(len(b)))
        at = 0
        for _ in range(_MOST):
            at += equal_beginning(a[at:], b[at:])
            if at >= min(len(a), len(b)):
                return
            shape = self._sectioned(aligned(a, b, at), old, new, places_a, places_b, at)
            pair = Pair(before.number, row.number, places_b[at], places_a[at])
            if shape.shape == "edit":
                if not self._edit(old[places_a[at]], new[places_b[at]], pair, a, b, at, across):
                    return
                b[at] = a[at]
                continue
            if not self._moved(shape, pair, new, across):
                return
            end = at + shape.length
            if shape.shape == "insertion":
                del b[at:end], places_b[at:end]
            elif shape.shape == "deletion":
                del a[at:end], places_a[at:end]
            else:
                b[at:end] = a[at:end]

    def _sectioned(
        self,
        shape: Alignment,
        old: Sequence[int],
        new: Sequence[int],
        places_a: Sequence[int],
        places_b: Sequence[int],
        at: int,
    ) -> Alignment:
        """What only one of them has of an earlier section came or went; it was not edited."""
        one, two = self._faces[old[places_a[at]]].kind, self._faces[new[places_b[at]]].kind
        if shape.shape != "edit" or one == two:
            return shape
        side, places = (new, places_b) if two < one else (old, places_a)
        kinds = [self._faces[side[place]].kind for place in places[at:]]
        name: Shape = "insertion" if two < one else "deletion"
        return Alignment(name, kinds.count(kinds[0]), False)

    def _edit(
        self,
        old: int,
        new: int,
        pair: Pair,
        a: Sequence[bytes],
        b: Sequence[bytes],
        at: int,
        across: bool,
    ) -> bool:
        """Whether it can be taken away: note it."""
        one, two = self._segments.text(old), self._segments.text(new)
        if one is None or two is None or self._faces[old].role != self._faces[new].role:
            return False
        section = self._segments.kind(old)
        rejoins = at + 1 < min(len(a), len(b)) and a[at + 1] == b[at + 1]
        worth = rejoins or section != Kind.MESSAGE
        template, kinds = self.found.templated(old, one, two, worth)
        content = None in kinds
        if content:
            if across and not self._wording(old, new, one, two):
                return False
            if not rejoins and not (section != Kind.MESSAGE and _same_end(one, two)):
                return False
        elif not kinds:
            return False
        self.found.adopt(template, old, new)
        for kind in kinds:
            cause = Cause(kind.value if kind else "content", section, template.number, across)
            self.found.note(cause, pair)
        return True

    def _wording(self, old: int, new: int, one: str, two: str) -> bool:
        """Two wordings of one text that take turns: the older one comes back."""
        start, end, _, _ = changed(one, two)
        same = (start + len(one) - end) / max(len(one), len(two), 1)
        if same < _ALIKE:
            return False
        key = self._faces[old].digest, self._faces[new].digest
        self._wordings[key] = self._wordings.get(key, 0) + 1
        return self._wordings[key] > 1 and (key[1], key[0]) in self._wordings

    def _moved(self, shape: Alignment, pair: Pair, new: Sequence[int], across: bool) -> bool:
        """Whether whole segments that came, went or changed places are to be taken back."""
        section = self._segments.kind(new[pair.segment])
        if shape.shape == "deletion":
            old = self._log.segments_of(self._log.rows[pair.before])
            section = self._segments.kind(old[pair.old])
        if shape.shape == "reorder":
            kind = VolatileKind.TOOL_ORDER if section is Kind.TOOL else VolatileKind.EXAMPLE_ORDER
            cause = kind.value
        elif across or (section is Kind.MESSAGE and not shape.rejoins):
            return False
        elif section is Kind.TOOL:
            cause = "tool_added" if shape.shape == "insertion" else "tool_removed"
        elif section is Kind.MESSAGE and shape.shape == "deletion":
            cause = "history_cut"
        else:
            cause = "content"
        if section is not Kind.TOOL or shape.shape != "reorder":
            self.found.moved.add(pair.row)
        self.found.note(Cause(cause, section, -1, across), pair)
        return True


def _same_end(a: str, b: str) -> bool:
    return min(len(a), len(b)) > _WORTH and a[-_WORTH:] == b[-_WORTH:]
