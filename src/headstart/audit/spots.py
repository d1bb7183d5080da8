"""Where things stand in requests, and what of a text is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from headstart.audit.faces import Face
from headstart.audit.findings import Spot
from headstart.audit.log import Log, Row

_CONTEXT: Final = 60
"""Characters shown before and after a difference."""
_MOST: Final = 200
"""Characters of the difference that are shown."""


def where(faces: Sequence[Face], segments: Sequence[int], at: int) -> str:
    """Dotted path of a segment in its request, such as ``messages.3.content.1``."""
    if at >= len(segments):
        return ""
    face = faces[segments[at]]
    message = sum(faces[number].step for number in segments[: at + 1]) - 1
    if face.kind == 0:
        return f"tools.{face.part}"
    if message < 0:
        return f"system.{face.part}"
    return f"messages.{message}.content.{face.part}"


def spot(log: Log, row: Row, segment: int, text: str, start: int, end: int) -> Spot:
    """One side of a difference: characters ``start`` to ``end`` of a segment's text."""
    low = max(start - _CONTEXT, 0)
    shown = min(end, start + _MOST)
    after = text[shown : shown + _CONTEXT] if shown == end else ""
    return Spot(
        row.path, row.line, segment, start, text[low:shown] + after, start - low, shown - low
    )
