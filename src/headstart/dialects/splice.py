"""Editing a JSON body in its own bytes: members and elements in, members and elements out.

Nothing here parses or dumps: places come from ``spans``, and what goes in is JSON text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from headstart.dialects.hosted import Marked, Span, Unmarkable

_SPACES = b" \t\n\r"


class Insert(NamedTuple):
    """Bytes to go in before byte ``at`` of the body."""

    at: int
    data: bytes


def into_object(body: bytes, span: Span, member: bytes) -> Insert:
    """``member`` (``"key":value``) as the last one of the object at ``span``; that the key
    is not there yet is for the caller to know."""
    return _appended(body, span, member, b"{}")


def into_array(body: bytes, span: Span, element: bytes) -> Insert:
    """``element`` as the last one of the array at ``span``."""
    return _appended(body, span, element, b"[]")


def after(span: Span, element: bytes) -> Insert:
    """``element`` behind the array element at ``span``."""
    return Insert(span.end, b"," + element)


def wrap(span: Span, before: bytes, behind: bytes) -> tuple[Insert, Insert]:
    """Text around the value at ``span``, which itself stays byte for byte."""
    return Insert(span.start, before), Insert(span.end, behind)


def splice(body: bytes, inserts: Iterable[Insert]) -> Marked:
    """The body with everything in; inserts at one place stay in the order given."""
    view = memoryview(body)
    pieces: list[bytes | memoryview] = []
    spans: list[Span] = []
    at = size = 0
    for place, data in sorted(inserts, key=lambda insert: insert.at):
        pieces += (view[at:place], data)
        size += place - at + len(data)
        spans.append(Span(size - len(data), size))
        at = place
    return Marked(b"".join((*pieces, view[at:])), tuple(spans))


def cut(body: bytes, spans: Iterable[Span]) -> bytes:
    """The body without ``spans``, which must not overlap."""
    view = memoryview(body)
    kept: list[memoryview] = []
    at = 0
    for start, end in sorted(spans):
        if start < at:
            raise Unmarkable("cuts overlap")
        kept.append(view[at:start])
        at = end
    return b"".join((*kept, view[at:])) if at else body


def leaving_out(items: Sequence[Span], dropped: Collection[int]) -> list[Span]:
    """What to cut so that an object's members (``Member.whole``) or an array's elements go,
    by index, each with the comma that would be left over. Nothing in it overlaps."""
    cuts: list[Span] = []
    for first, last in _runs(sorted(dropped)):
        if first:
            cuts.append(Span(items[first - 1].end, items[last].end))
        elif last + 1 < len(items):
            cuts.append(Span(items[0].start, items[last + 1].start))
        else:
            cuts.append(Span(items[0].start, items[last].end))
    return cuts


def _runs(indices: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours in a sorted sequence."""
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return runs


def _appended(body: bytes, span: Span, text: bytes, ends: bytes) -> Insert:
    close = span.end - 1
    if span.start >= close or (body[span.start], body[close]) != (ends[0], ends[1]):
        raise Unmarkable(f"no {ends.decode()} at byte {span.start}")
    at = close
    while body[at - 1] in _SPACES:
        at -= 1
    return Insert(close, text if at == span.start + 1 else b"," + text)
