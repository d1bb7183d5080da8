"""The looks of volatile spans, as regular expressions that never backtrack far.

Every repetition is bounded or possessive, and begins only where a word begins, so that a
search takes time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from headstart.prompt.volatile_checks import always
from headstart.prompt.volatile_kinds import VolatileKind

START, END = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"
IS = r"(?:\"|')?(?: is(?: now)?| was| ?[:=]| ?->){1,2} {0,2}[\"'`]?"
"""What stands between a name and its value, in prose, in settings and in JSON."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One look. ``group`` is the part of a match that is volatile; ``needs`` are characters
    of which a text must have one, if it is to have a match at all."""

    kind: VolatileKind
    regex: re.Pattern[str]
    holds: Callable[[str, int, int], bool] = always
    """A second look at a text and a span of it; see volatile_checks."""
    group: int = 0
    needs: tuple[str, ...] = ()


def word(expression: str) -> re.Pattern[str]:
    """The expression as a word of its own."""
    return re.compile(START + rf"(?:{expression})" + END)


def said_after(words: str) -> re.Pattern[str]:
    """Group 1: what is said after the words, as in ``request id: r-17`` or ``"run_id": "x"``."""
    return re.compile(
        START + rf"(?:{words}){IS}([A-Za-z0-9][A-Za-z0-9_.:@+-]{{1,126}}[A-Za-z0-9])", re.IGNORECASE
    )
