"""What in a prompt changes from request to request: found by its looks, one text at a time.

A span is a suspicion, not a proof: a date may stand in a policy for years. Two requests that
differ there are the proof (``kind_of_difference``).
"""

from __future__ import annotations

from typing import NamedTuple

from headstart.prompt.volatile_kinds import VolatileKind
from headstart.prompt.volatile_patterns import PATTERNS


class Volatile(NamedTuple):
    """Characters ``start`` to ``end`` of a text, and what they look like. Free of content."""

    kind: VolatileKind
    start: int
    end: int


def spans(text: str) -> tuple[Volatile, ...]:
    """Every volatile span, in text order; no two overlap.

    Takes time linear in the text, whatever the text. Where two patterns claim the same
    characters, the one listed first (the more specific) has them.
    """
    taken = bytearray(len(text))
    found = []
    for pattern in PATTERNS:
        if pattern.needs and not any(word in text for word in pattern.needs):
            continue
        for match in pattern.regex.finditer(text):
            start, end = match.span(pattern.group)
            if taken.find(1, start, end) < 0 and pattern.holds(text, start, end):
                taken[start:end] = b"\x01" * (end - start)
                found.append(Volatile(pattern.kind, start, end))
    return tuple(sorted(found, key=lambda span: span.start))
