"""Two sides of a difference on lines of a bounded width, with carets under what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from headstart.audit.findings import Spot
from headstart.cli.words import visible
from headstart.prompt.diff_text import columns, pointed

_LEAD: Final = 26
"""Characters before the difference that are shown at least, where there is room."""
_CUT: Final = "…"


class Side(NamedTuple):
    """One request's: where it is, its text, and the line under it."""

    place: str
    text: str
    carets: str


def side(spot: Spot, sign: str, width: int) -> Side:
    """At most ``width`` columns; the difference itself is cut if need be."""
    shown = spot
    text, carets = _lines(shown, sign, spot)
    while max(columns(text), len(carets)) > width:
        smaller = _smaller(shown)
        if smaller is shown:
            text, carets = _cut(text, width), carets[:width]
            break
        shown = smaller
        text, carets = _lines(shown, sign, spot)
    return Side(place(spot), text, carets)


def place(spot: Spot) -> str:
    """``logs.jsonl:12``."""
    return visible(f"{spot.path}:{spot.line}")


def parts(spot: Spot) -> tuple[str, str, str]:
    """Before the difference, the difference, and after it."""
    return spot.text[: spot.start], spot.text[spot.start : spot.end], spot.text[spot.end :]


def _cut(text: str, width: int) -> str:
    """Its beginning, as far as there is room."""
    while columns(text) > width - 1:
        text = text[:-1]
    return text + _CUT


def _smaller(spot: Spot) -> Spot:
    """A little less of what surrounds the difference; the same where there is none to spare."""
    before, _, after = parts(spot)
    if after and len(after) >= len(before) - _LEAD:
        return replace(spot, text=spot.text[: -min(4, len(after))])
    if len(before) > _LEAD:
        cut = min(4, len(before) - _LEAD)
        return replace(spot, text=spot.text[cut:], start=spot.start - cut, end=spot.end - cut)
    if after:
        return replace(spot, text=spot.text[: -min(4, len(after))])
    return spot


def _lines(shown: Spot, sign: str, whole: Spot) -> tuple[str, str]:
    """With a sign for what was left out on either side."""
    text, start, end = shown.text, shown.start, shown.end
    if parts(shown)[0] != parts(whole)[0] or whole.offset > whole.start:
        text, start, end = _CUT + text, start + 1, end + 1
    if parts(shown)[2] != parts(whole)[2]:
        text += _CUT
    return pointed(sign, text, start, end)
