"""A piece of text on one line of a terminal, and carets under some of its characters."""

from __future__ import annotations

import unicodedata


def pointed(sign: str, text: str, start: int, end: int) -> tuple[str, str]:
    """The text after a sign, and a line with carets under characters ``start`` to ``end``.

    An empty range points between two characters, at the one that would come next. What
    would move the cursor, or not be seen, is shown as an escape.
    """
    before = "".join(map(_shown, text[:start]))
    inside = "".join(
        "·" if character == " " else _shown(character) for character in text[start:end]
    )
    after = "".join(map(_shown, text[end:]))
    carets = "^" * max(columns(inside), 1)
    return f"{sign} {before}{inside}{after}", f"  {' ' * columns(before)}{carets}"


def _shown(character: str) -> str:
    """The character itself, or its escape if a terminal would not print it as one sign."""
    if character.isprintable() and not unicodedata.combining(character):
        return character
    return character.encode("unicode_escape").decode()


def columns(text: str) -> int:
    """Columns in a terminal: East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
