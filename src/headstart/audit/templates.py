"""Texts that say the same but for a few places: which these are, and of what kind each is.

A template is the first text of its kind that was met, with the places in which others differ
from it. Most further ones are recognised by what stands between these places; only where that
fails are two texts compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from headstart.prompt import VolatileKind, kind_of_difference, spans
from headstart.prompt.volatile_compare import changed

WHOLE: Final = frozenset(
    (
        VolatileKind.LINE_ENDINGS,
        VolatileKind.WHITESPACE,
        VolatileKind.CASE,
        VolatileKind.UNICODE_FORM,
        VolatileKind.NUMBER_FORMAT,
        VolatileKind.KEY_ORDER,
        VolatileKind.EXAMPLE_ORDER,
        VolatileKind.TOOL_ORDER,
    )
)
"""Kinds that explain all of a difference, wherever it is."""
_MOST_COMPARED: Final = 48
"""Comparisons for one template; after that what differs is one place of no kind."""
_MOST_LINES: Final = 600
_MOST_PLACES: Final = 16
_NEAR: Final = 300
"""Characters around a place in which its kind is looked for."""
_LONGEST_SPAN: Final = 400
_LONGEST: Final = 200_000
"""Characters of texts that are compared line by line."""


class Piece(NamedTuple):
    """Characters ``start`` to ``end`` of one text stand where those of another do."""

    start: int
    end: int
    other_start: int
    other_end: int
    kind: VolatileKind | None


class Site(NamedTuple):
    """Characters of the reference that others have otherwise."""

    start: int
    end: int
    kind: VolatileKind | None


def differences(a: str, b: str) -> list[Piece]:
    """All places in which two texts differ, in order; [] if they are equal."""
    first = kind_of_difference(a, b)
    if first is None:
        return []
    if first.kind in WHOLE:
        return [Piece(first.start_a, first.end_a, first.start_b, first.end_b, first.kind)]
    found = [piece for hunk in _hunks(a, b) for piece in _within(a, b, *hunk)]
    return found if 0 < len(found) <= _MOST_PLACES else [Piece(*changed(a, b), None)]


def _hunks(a: str, b: str) -> Iterator[tuple[int, int, int, int]]:
    """Runs of lines that differ, as characters."""
    start, end_a, _, end_b = changed(a, b)
    low = a.rfind("\n", 0, start) + 1
    tail = len(a) - end_a
    stop = a.find("\n", end_a)
    keep = tail if stop < 0 else stop + 1 - end_a
    one, two = a[low : end_a + keep], b[low : end_b + keep]
    x, y = one.splitlines(keepends=True), two.splitlines(keepends=True)
    if len(one) + len(two) > _LONGEST or max(len(x), len(y)) > _MOST_LINES:
        yield low, low + len(one), low, low + len(two)
        return
    at_a, at_b = _offsets(x, low), _offsets(y, low)
    for tag, i, j, k, m in SequenceMatcher(None, x, y, autojunk=False).get_opcodes():
        if tag != "equal":
            yield at_a[i], at_a[j], at_b[k], at_b[m]


def _offsets(lines: Sequence[str], start: int) -> list[int]:
    found = [start]
    for line in lines:
        found.append(found[-1] + len(line))
    return found


def _within(a: str, b: str, i: int, j: int, k: int, m: int) -> Iterator[Piece]:
    """The places within a run of lines."""
    for _ in range(_MOST_PLACES):
        found = kind_of_difference(a[i:j], b[k:m])
        if found is None:
            return
        if found.kind is None:
            start, end, other, other_end = changed(a[i:j], b[k:m])
            yield Piece(i + start, i + end, k + other, k + other_end, None)
            return
        yield Piece(
            i + found.start_a, i + found.end_a, k + found.start_b, k + found.end_b, found.kind
        )
        if found.kind in WHOLE or (found.end_a, found.end_b) == (0, 0):
            return
        i, k = i + found.end_a, k + found.end_b


@dataclass
class Template:
    """``variants`` are the digests that were found to be one of it, each with its text's
    segment; the reference is one of them."""

    number: int
    reference: int
    """A segment."""
    text: str
    sites: list[Site] = field(default_factory=list)
    variants: dict[bytes, int] = field(default_factory=dict)
    compared: int = 0

    @property
    def kinds(self) -> set[VolatileKind | None]:
        """Of all places."""
        return {site.kind for site in self.sites}

    def matches(self, text: str) -> tuple[str, ...] | None:
        """What a text has in each place; None if it differs anywhere else."""
        at, found = 0, []
        for number, site in enumerate(self.sites):
            before = self.text[self.sites[number - 1].end if number else 0 : site.start]
            if not text.startswith(before, at):
                return None
            at += len(before)
            behind = self._behind(number)
            last = number == len(self.sites) - 1
            end = len(text) - len(behind) if last else text.find(behind, at)
            if end < at or (last and not text.endswith(behind)):
                return None
            found.append(text[at:end])
            at = end
        if not self.sites and text != self.text:
            return None
        return tuple(found)

    def compare(self, text: str) -> list[Piece]:
        """How a text differs that did not match."""
        self.compared += 1
        if self.compared > _MOST_COMPARED:
            return [Piece(*changed(self.text, text), None)] if text != self.text else []
        return differences(self.text, text)

    def learn(self, pieces: Sequence[Piece]) -> None:
        """Further places; those that overlap become one."""
        every = sorted([*self.sites, *(Site(p.start, p.end, p.kind) for p in pieces)])
        merged: list[Site] = []
        for site in every:
            last = merged[-1] if merged else None
            if last is not None and (site.start < last.end or site[:2] == last[:2]):
                kind = last.kind if last.kind == site.kind else _stronger(last, site)
                merged[-1] = Site(last.start, max(last.end, site.end), kind)
            else:
                merged.append(site)
        if self.compared > _MOST_COMPARED and merged:
            merged = [Site(merged[0].start, max(site.end for site in merged), None)]
        self.sites = merged

    def look(self, texts: Sequence[str]) -> None:
        """Give places of no kind the one that most of these texts show there, each on its own:
        two random tokens need not look random both, for a difference to be seen as one."""
        for number, site in enumerate(self.sites):
            if site.kind is not None or site.end - site.start > _LONGEST_SPAN:
                continue
            found: list[VolatileKind] = []
            for text in texts:
                pieces = self.matches(text)
                if pieces is None:
                    continue
                start = site.start + sum(
                    len(piece) - one.end + one.start
                    for piece, one in zip(pieces[:number], self.sites, strict=False)
                )
                low = max(0, start - _NEAR)
                end = start + len(pieces[number])
                seen = spans(text[low : end + _NEAR])
                found += [
                    span.kind
                    for span in seen
                    if span.start + low <= start and end <= span.end + low
                ][:1]
            for kind in set(found):
                if 2 * found.count(kind) >= len(texts):
                    self.sites[number] = site._replace(kind=kind)

    def _behind(self, number: int) -> str:
        later = self.sites[number + 1].start if number + 1 < len(self.sites) else len(self.text)
        return self.text[self.sites[number].end : later]


def _stronger(a: Site, b: Site) -> VolatileKind | None:
    """Of two kinds for one place: the one there is, or of two the one of the wider place."""
    if a.kind is None or b.kind is None:
        return a.kind if b.kind is None and a.end - a.start >= b.end - b.start else b.kind
    return a.kind if a.end - a.start >= b.end - b.start else b.kind
