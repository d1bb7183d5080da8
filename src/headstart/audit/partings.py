"""Where requests part from those that they continue, and what would take that away.

Each request is laid beside the one it goes on from (and a conversation's first one beside
another conversation's: tools and system text alone). Differences that equal content stands
behind are taken away one after the other; what remains is new, as it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from headstart.audit.links import Links
from headstart.audit.log import Log, Row
from headstart.audit.templates import Template
from headstart.prompt import Kind, VolatileKind
from headstart.prompt.diff_shape import Alignment, Shape, aligned
from headstart.prompt.volatile_compare import changed

_MOST: Final = 12
"""Differences of two requests that are taken away."""
_WORTH: Final = 200
"""Equal characters behind a difference in its own segment that make it stand in front of
something."""
_SEEN: Final = 8
"""Variants in which a place of no kind is looked at once more."""
_MERGED: Final = 200
"""Templates that are compared with each other."""
_ALIKE: Final = 0.5
"""Share of a text that must be the same for two wordings of one."""


class Pair(NamedTuple):
    """Two rows that part, and at which of the second one's segments."""

    before: int
    row: int
    segment: int
    """Of the later row's prompt; of the earlier one's in ``old``."""
    old: int


class Cause(NamedTuple):
    """What parts them. ``template`` is -1 for whole segments that come, go or move."""

    cause: str
    section: Kind
    template: int
    across: bool
    """Seen between conversations only as far as this pair goes."""


@dataclass
class Found:
    """All that was found."""

    templates: list[Template] = field(default_factory=list)
    of_digest: dict[bytes, int] = field(default_factory=dict)
    """Digest of a segment -> its template."""
    pairs: dict[Cause, list[Pair]] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)
    """Rows of which segments come, go or move within a conversation."""


class Partings:
    """Finds them; ``found`` has the result."""

    def __init__(self, log: Log, links: Links) -> None:
        self._log = log
        self._segments = log.segments
        self._faces = log.segments.faces
        self.found = Found()
        self._wordings: dict[tuple[bytes, bytes], int] = {}
        texts = [row for row in log.rows if row.node and not row.blocks]
        for row in texts:
            if links.before[row.number] >= 0 and not links.whole[row.number]:
                self._lay(log.rows[links.before[row.number]], row, across=False)
        # Conversations are compared once it is known what changes within each of them.
        for row in texts:
            if links.beside[row.number] >= 0:
                self._lay(log.rows[links.beside[row.number]], row, across=True)
        self._merge()
        self._settle()

    def _lay(self, before: Row, row: Row, *, across: bool) -> None:
        old, new = self._log.segments_of(before), self._log.segments_of(row)
        if across:
            old, new = ([n for n in side if self._faces[n].kind < 2] for side in (old, new))
        a, b = [self._name(n) for n in old], [self._name(n) for n in new]
        places_a, places_b = list(range(len(a))), list(range(len(b)))
        at = 0
        for _ in range(_MOST):
            at = _first(a, b, at)
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

    def _name(self, number: int) -> bytes:
        """The same for all variants of one template."""
        key = self._faces[number].digest
        template = self.found.of_digest.get(key)
        return key if template is None else b"template %d" % template

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
        template, kinds = self._templated(old, new, one, two, rejoins or section != Kind.MESSAGE)
        content = None in kinds
        if content:
            if across and not self._wording(old, new, one, two):
                return False
            if not rejoins and not (section != Kind.MESSAGE and _same_end(one, two)):
                return False
        elif not kinds:
            return False
        self._adopt(template, old, new)
        for kind in kinds:
            cause = Cause(kind.value if kind else "content", section, template.number, across)
            self._note(cause, pair)
        return True

    def _templated(
        self, old: int, new: int, one: str, two: str, worth: bool
    ) -> tuple[Template, set[VolatileKind | None]]:
        """The template that the earlier one is of, and the kinds of what they have otherwise."""
        number = self.found.of_digest.get(self._faces[old].digest, -1)
        if number < 0:
            template = Template(len(self.found.templates), old, one)
        else:
            template = self.found.templates[number]
        mine, other = template.matches(two), template.matches(one)
        if mine is None or other is None or not template.sites:
            pieces = template.compare(two)
            if not worth and any(piece.kind is None for piece in pieces):
                return template, {None}
            template.learn(pieces)
            mine, other = template.matches(two), template.matches(one)
            if mine is None or other is None:
                return template, {piece.kind for piece in pieces}
        pairs = zip(template.sites, mine, other, strict=True)
        return template, {site.kind for site, x, y in pairs if x != y}

    def _adopt(self, template: Template, *numbers: int) -> None:
        """Take segments in; of another template, all of that one's."""
        if template.number == len(self.found.templates):
            self.found.templates.append(template)
        for number in numbers:
            key = self._faces[number].digest
            other = self.found.of_digest.get(key, template.number)
            if other != template.number:
                self._absorb(template, self.found.templates[other])
            template.variants.setdefault(key, number)
            self.found.of_digest[key] = template.number

    def _absorb(self, template: Template, other: Template) -> None:
        for key, number in other.variants.items():
            text = self._segments.text(number)
            if text is not None and template.matches(text) is None:
                template.learn(template.compare(text))
            template.variants.setdefault(key, number)
            self.found.of_digest[key] = template.number
        other.variants = {}
        for cause in [cause for cause in self.found.pairs if cause.template == other.number]:
            pairs = self.found.pairs.pop(cause)
            self.found.pairs.setdefault(cause._replace(template=template.number), []).extend(pairs)

    def _merge(self) -> None:
        """Templates of tools and system text that were found apart and are one."""
        kept: list[Template] = []
        for template in self.found.templates:
            section = self._faces[template.reference].kind
            if not template.variants or section == 2 or len(kept) >= _MERGED:
                continue
            same = (one for one in kept if self._faces[one.reference].kind == section)
            found = next((one for one in same if one.matches(template.text) is not None), None)
            if found is None:
                kept.append(template)
            else:
                self._absorb(found, template)

    def _settle(self) -> None:
        """Name what was taken for content by what its place turned out to be."""
        for template in self.found.templates:
            if template.variants and None in template.kinds:
                texts = (self._segments.text(n) for n in list(template.variants.values())[:_SEEN])
                template.look([text for text in texts if text is not None])
        for cause in [cause for cause in self.found.pairs if cause.cause == "content"]:
            if cause.template < 0:
                continue
            template = self.found.templates[cause.template]
            kinds = {site.kind for site in template.sites}
            if None in kinds or len(kinds) != 1:
                continue
            kind = next(iter(kinds))
            pairs = self.found.pairs.pop(cause)
            named = cause._replace(cause=kind.value if kind else "content")
            self.found.pairs.setdefault(named, []).extend(pairs)

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
        self._note(Cause(cause, section, -1, across), pair)
        return True

    def _note(self, cause: Cause, pair: Pair) -> None:
        self.found.pairs.setdefault(cause, []).append(pair)


def _first(a: Sequence[bytes], b: Sequence[bytes], at: int) -> int:
    """The first place, from one on, where they differ, or where the shorter one ends."""
    most = min(len(a), len(b))
    low, high = at, most
    if a[at:most] == b[at:most]:
        return most
    while low < high:
        middle = (low + high + 1) // 2
        if a[at:middle] == b[at:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _same_end(a: str, b: str) -> bool:
    return min(len(a), len(b)) > _WORTH and a[-_WORTH:] == b[-_WORTH:]
