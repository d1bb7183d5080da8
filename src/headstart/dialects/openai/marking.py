"""Directives spliced into the bytes of a request, and cut out of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headstart.dialects.body import Path
from headstart.dialects.hosted import Marked, Placement, Span, Unmarkable
from headstart.dialects.openai.directives import Directive
from headstart.dialects.openai.outline import Outline, Place
from headstart.dialects.spans import Member, elements, kind, members, root
from headstart.dialects.splice import Insert, cut, into_object, leaving_out, splice, wrap


class Finder:
    """Spans by path, each container walked once."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.root = root(body)
        self._members: dict[Span, dict[str, Member]] = {}
        self._elements: dict[Span, list[Span]] = {}

    def span(self, path: Path) -> Span:
        """The value at ``path``; Unmarkable."""
        span = self.root
        for step in path:
            if isinstance(step, str):
                span = self.members(span)[step].span
            else:
                span = self.elements(span)[step]
        return span

    def members(self, span: Span) -> dict[str, Member]:
        if span not in self._members:
            self._members[span] = members(self._body, span)
        return self._members[span]

    def elements(self, span: Span) -> list[Span]:
        if span not in self._elements:
            self._elements[span] = elements(self._body, span)
        return self._elements[span]


def mark(
    body: bytes, outline: Outline, placements: Sequence[Placement], directive: Directive | None
) -> Marked:
    """Splice ``directive`` in; Unmarkable. How many a request may have is the business of
    whoever places them."""
    if directive is None:
        raise Unmarkable("this provider has no cache directive")
    numbers = [placement.segment for placement in placements]
    if len(set(numbers)) != len(numbers):
        raise Unmarkable("two directives for one segment")
    finder = Finder(body)
    inserts: list[Insert] = []
    for number, ttl in sorted(placements, key=lambda placement: placement.segment):
        if not 0 <= number < len(outline.segments) or not outline.segments[number].markable:
            raise Unmarkable(f"segment {number} takes no directive")
        member = directive.member(ttl)
        inserts += _inserted(body, finder, outline.places[number], member, outline.directives)
    return splice(body, inserts)


def _inserted(
    body: bytes, finder: Finder, place: Place, member: bytes, directives: Sequence[Directive]
) -> tuple[Insert, ...]:
    span = finder.span(place.path)
    if place.opening:
        if kind(body, span) != '"':
            raise Unmarkable(f"no string at byte {span.start}")
        return wrap(span, place.opening, b"," + member + place.closing)
    if any(directive.key in finder.members(span) for directive in directives):
        raise Unmarkable(f"the part at byte {span.start} has a directive already")
    return (into_object(body, span, member),)


def strip(body: bytes, directives: Sequence[Directive], blocks: Sequence[str]) -> bytes:
    """The body without any directive at its top, on an item of one of the lists
    ``blocks`` and on a part of such an item; Unmarkable."""
    keys = {directive.key for directive in directives}
    # A key may be spelled with escapes: then only the walk can tell.
    if b"\\u" not in body and not any(f'"{key}"'.encode() in body for key in keys):
        return body
    return cut(body, _cuts(body, keys, blocks))


def _cuts(body: bytes, keys: set[str], blocks: Sequence[str]) -> Iterator[Span]:
    finder = Finder(body)
    top = finder.members(finder.root)
    yield from _left_out(top, keys)
    for name in blocks:
        held = top.get(name)
        if held is None or kind(body, held.span) != "[":
            continue
        for item in finder.elements(held.span):
            if kind(body, item) != "{":
                continue
            inside = finder.members(item)
            yield from _left_out(inside, keys)
            for inner in ("content", "output"):
                yield from _part_cuts(body, finder, inside.get(inner), keys)


def _part_cuts(
    body: bytes, finder: Finder, content: Member | None, keys: set[str]
) -> Iterator[Span]:
    if content is None or kind(body, content.span) != "[":
        return
    for part in finder.elements(content.span):
        if kind(body, part) == "{":
            yield from _left_out(finder.members(part), keys)


def _left_out(found: dict[str, Member], keys: set[str]) -> list[Span]:
    dropped = [index for index, name in enumerate(found) if name in keys]
    return leaving_out([member.whole for member in found.values()], dropped)
