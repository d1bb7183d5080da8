"""How two texts differ: which kind of difference, and where the first one is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import groupby
from typing import NamedTuple

from headstart.prompt.volatile import Volatile, spans
from headstart.prompt.volatile_json import json_difference
from headstart.prompt.volatile_kinds import CLOCK, VolatileKind

_NEAR = 4096
"""Characters before and after the first difference in which volatile spans are sought."""
_MARKS = 64
"""A longer run of combining marks is no text; composing it would take quadratic time."""
_NUMBER = re.compile(
    r"(?<![\w.,])(?:\d{1,3}(?:,\d{3})++|\d++)(?:\.(\d++))?(?:[eE]([+-]?\d{1,4}))?(?![\d.,]*\d)"
)
_NUMBERING = re.compile(r"^(?:[-*•]|\(?\d{1,9}[.):]|#*\s?[Ee]xample \d{1,9}:?)\s*")
_ITEMS = re.compile(r"[\n,;]")


class Difference(NamedTuple):
    """The first difference of two texts: characters ``start_a`` to ``end_a`` of the one stand
    where ``start_b`` to ``end_b`` of the other do. ``kind`` is None for a change of content."""

    kind: VolatileKind | None
    start_a: int
    end_a: int
    start_b: int
    end_b: int


def kind_of_difference(a: str, b: str) -> Difference | None:
    """None if the texts are equal.

    A kind that explains the whole difference (line endings, case, order ...) has the extent
    of all that differs. A kind of span has the extent of the first span that differs; more
    may differ after it.
    """
    if a == b:
        return None
    window = changed(a, b)
    for kind, same in _WHOLE:
        if same(a, b):
            return Difference(kind, *window)
    order = json_difference(a, b, window[0]) or _ordered(a, b)
    if order is not None:
        return Difference(order, *window)
    return _differing_span(a, b, window[0]) or Difference(None, *window)


def changed(a: str, b: str) -> tuple[int, int, int, int]:
    """(start_a, end_a, start_b, end_b) of what is left when the longest common prefix, and
    then the longest common suffix, are cut off. Linear; the starts are equal."""
    start = _shared(lambda n: a[:n] == b[:n], a, b, min(len(a), len(b)))
    most = min(len(a), len(b)) - start
    tail = _shared(lambda n: a[len(a) - n :] == b[len(b) - n :], a, b, most)
    return start, len(a) - tail, start, len(b) - tail


def _shared(equal: Callable[[int], bool], a: str, b: str, most: int) -> int:
    """The greatest n <= most with ``equal(n)``, which holds up to some n and not beyond."""
    low, step = 0, 64
    while low < most and equal(min(low + step, most)):
        low, step = min(low + step, most), step * 2
    high = min(low + step, most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if equal(middle) else (low, middle - 1)
    return low


def _same_lines(a: str, b: str) -> bool:
    return _unix(a) == _unix(b)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _same_words(a: str, b: str) -> bool:
    return "".join(a.split()) == "".join(b.split())


def _same_letters(a: str, b: str) -> bool:
    return len(a) == len(b) and a.casefold() == b.casefold()


def _same_characters(a: str, b: str) -> bool:
    if (a.isascii() and b.isascii()) or _longest_marks(a) > _MARKS or _longest_marks(b) > _MARKS:
        return False
    return any(
        unicodedata.normalize(form, a) == unicodedata.normalize(form, b) for form in ("NFC", "NFKC")
    )


def _longest_marks(text: str) -> int:
    runs = groupby(text, lambda character: unicodedata.combining(character) > 0)
    return max((sum(1 for _ in run) for marks, run in runs if marks), default=0)


def _same_numbers(a: str, b: str) -> bool:
    return _NUMBER.sub(_plain, a) == _NUMBER.sub(_plain, b)


def _plain(match: re.Match[str]) -> str:
    """A number as its digits without outer zeros, and the power of ten they are times."""
    whole = re.split("[.eE]", match[0], maxsplit=1)[0].replace(",", "")
    fraction = match[1] or ""
    digits = (whole + fraction).lstrip("0")
    kept = digits.rstrip("0")
    power = int(match[2] or 0) - len(fraction) + len(digits) - len(kept)
    return f"{kept}e{power}" if kept else "0"


_WHOLE: tuple[tuple[VolatileKind, Callable[[str, str], bool]], ...] = (
    (VolatileKind.LINE_ENDINGS, _same_lines),
    (VolatileKind.WHITESPACE, _same_words),
    (VolatileKind.CASE, _same_letters),
    (VolatileKind.UNICODE_FORM, _same_characters),
    (VolatileKind.NUMBER_FORMAT, _same_numbers),
)


def _differing_span(a: str, b: str, at: int) -> Difference | None:
    """The spans of one kind that both texts have where they part; or one that the one text
    has and the other lacks."""
    in_a, in_b = _near(a, at), _near(b, at)
    for x in in_a:
        for y in in_b:
            same = x.kind == y.kind or {x.kind, y.kind} <= CLOCK
            if same and (at < x.end or at < y.end):
                kind = max(x, y, key=lambda span: span.end - span.start).kind
                return Difference(kind, x.start, x.end, y.start, y.end)
    for x in in_a:
        if _without(a, x, b):
            return Difference(x.kind, x.start, x.end, at, at)
    for y in in_b:
        if _without(b, y, a):
            return Difference(y.kind, at, at, y.start, y.end)
    return None


def _near(text: str, at: int) -> list[Volatile]:
    """Spans that reach a place, or begin right after it, whitespace aside; seen through a
    window around it."""
    low = max(at - _NEAR, 0)
    seen = text[low : at + _NEAR]
    found = spans(seen)
    blank = len(seen[at - low :]) - len(seen[at - low :].lstrip())
    return [
        Volatile(kind, start + low, end + low)
        for kind, start, end in found
        if start + low <= at + blank and at <= end + low
    ]


def _without(text: str, span: Volatile, other: str) -> bool:
    """The texts are the same but for the span and whitespace around it."""
    return len(text) > len(other) and _same_words(text[: span.start] + text[span.end :], other)


def _ordered(a: str, b: str) -> VolatileKind | None:
    """Lines, or items between commas and semicolons, in another order."""
    return VolatileKind.EXAMPLE_ORDER if _items(a) == _items(b) else None


def _items(text: str) -> list[str]:
    return sorted(_NUMBERING.sub("", item.strip()) for item in _ITEMS.split(text))
