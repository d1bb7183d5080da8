"""What parts requests, as far as it is found: causes, pairs of rows, templates of texts."""

from __future__ import annotations

from typing import Final, NamedTuple

from headstart.audit.segments import Segments
from headstart.audit.templates import Template
from headstart.prompt import Kind, VolatileKind

_SEEN: Final = 8
"""Variants in which a place of no kind is looked at once more."""
_MERGED: Final = 200
"""Templates that are compared with each other."""


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


class Found:
    """All that was found."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self.templates: list[Template] = []
        self.of_digest: dict[bytes, int] = {}
        """Digest of a segment -> its template."""
        self.pairs: dict[Cause, list[Pair]] = {}
        self.moved: set[int] = set()
        """Rows of which segments come, go or move within a conversation."""

    def name(self, number: int) -> bytes:
        """The same for all variants of one template."""
        key = self._segments.faces[number].digest
        template = self.of_digest.get(key)
        return key if template is None else b"template %d" % template

    def templated(
        self, old: int, one: str, two: str, worth: bool
    ) -> tuple[Template, set[VolatileKind | None]]:
        """The template that the earlier one is of, and the kinds of what they have otherwise."""
        number = self.of_digest.get(self._segments.faces[old].digest)
        template = (
            Template(len(self.templates), old, one) if number is None else self.templates[number]
        )
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

    def adopt(self, template: Template, *numbers: int) -> None:
        """Take segments in; of another template, all of that one's."""
        if template.number == len(self.templates):
            self.templates.append(template)
        for number in numbers:
            key = self._segments.faces[number].digest
            other = self.of_digest.get(key, template.number)
            if other != template.number:
                self._absorb(template, self.templates[other])
            template.variants.setdefault(key, number)
            self.of_digest[key] = template.number

    def _absorb(self, template: Template, other: Template) -> None:
        for key, number in other.variants.items():
            text = self._segments.text(number)
            if text is not None and template.matches(text) is None:
                template.learn(template.compare(text))
            template.variants.setdefault(key, number)
            self.of_digest[key] = template.number
        other.variants = {}
        for cause in [cause for cause in self.pairs if cause.template == other.number]:
            pairs = self.pairs.pop(cause)
            self.pairs.setdefault(cause._replace(template=template.number), []).extend(pairs)

    def merge(self) -> None:
        """Templates of tools and system text that were found apart and are one."""
        kept: list[Template] = []
        for template in self.templates:
            section = self._segments.faces[template.reference].kind
            if not template.variants or section == 2 or len(kept) >= _MERGED:
                continue
            same = (one for one in kept if self._segments.faces[one.reference].kind == section)
            found = next((one for one in same if one.matches(template.text) is not None), None)
            if found is None:
                kept.append(template)
            else:
                self._absorb(found, template)

    def settle(self) -> None:
        """Name what was taken for content by what its place turned out to be."""
        for template in self.templates:
            if template.variants and None in template.kinds:
                texts = (self._segments.text(n) for n in list(template.variants.values())[:_SEEN])
                template.look([text for text in texts if text is not None])
        for cause in [cause for cause in self.pairs if cause.cause == "content"]:
            if cause.template < 0:
                continue
            template = self.templates[cause.template]
            kinds = {site.kind for site in template.sites}
            if None in kinds or len(kinds) != 1:
                continue
            kind = next(iter(kinds))
            pairs = self.pairs.pop(cause)
            named = cause._replace(cause=kind.value if kind else "content")
            self.pairs.setdefault(named, []).extend(pairs)

    def note(self, cause: Cause, pair: Pair) -> None:
        """One more pair that a cause parts."""
        self.pairs.setdefault(cause, []).append(pair)
