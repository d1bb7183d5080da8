"""Where two prompts part, what the difference is, and what would take it away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from headstart.prompt.canonical import canonical_json
from headstart.prompt.chain import SECTIONS
from headstart.prompt.diff_shape import Alignment, Shape, aligned
from headstart.prompt.diff_text import pointed
from headstart.prompt.prompt import Kind, Prompt, Segment
from headstart.prompt.remedies import remedy
from headstart.prompt.volatile_compare import changed, kind_of_difference
from headstart.prompt.volatile_kinds import VolatileKind

_CONTEXT = 60
"""Characters shown before and after the difference."""
_MOST = 200
"""Characters of the difference that are shown."""


class Side(NamedTuple):
    """One prompt's side of a split: a piece of its segment, in which ``start`` to ``end``
    are the characters that differ. Empty for a segment that is not there."""

    text: str
    start: int
    end: int


_ABSENT = Side("", 0, 0)


@dataclass(frozen=True, slots=True)
class Split:
    """The first difference of two prompts. It holds prompt text."""

    segment: int
    """Index of the first segment that differs; the same in both prompts."""
    section: Kind
    offset: int
    """Characters into the segment's text, in front of the first one that differs; into its
    canonical JSON where the texts are equal and the blocks are not."""
    volatile: VolatileKind | None
    """What kind of thing differs; None for a change of content."""
    shape: Shape
    """"edit": a segment changed in place. "insertion", "deletion": the second prompt has, or
    lacks, whole segments here. "reorder": the same segments in another order."""
    length: int
    """Segments that are inserted, deleted or reordered; 1 for an edit."""
    rejoins: bool
    """The segments after it are equal again, as far as both prompts go."""
    a: Side
    b: Side
    remedy: str
    """One sentence."""

    def render(self) -> str:
        """Lines for a terminal: both sides, with carets under the characters that differ."""
        what = self.volatile or ("content" if self.shape == "edit" else self.shape)
        rest = "nothing else differs" if self.rejoins else "more differs after it"
        head = f"segment {self.segment} ({self.section}), character {self.offset}: {what}; {rest}"
        return "\n".join((head, *pointed("-", *self.a), *pointed("+", *self.b), self.remedy))


def diverge(a: Prompt, b: Prompt) -> Split | None:
    """The first difference between what two prompts have the model read.

    None where one prompt is how the other begins, as in a conversation that went on. Models
    and settings are not compared.
    """
    x, y = [_key(s) for s in a.segments], [_key(s) for s in b.segments]
    at = next((i for i, (p, q) in enumerate(zip(x, y, strict=False)) if p != q), None)
    if at is None:
        return None
    shape, length, rejoins = _sectioned(aligned(x, y, at), a, b, at)
    one, two = _texts(a.segments[at], b.segments[at])
    section = (b if shape == "insertion" else a).segments[at].kind
    offset, kind, sides = 0, None, (_ABSENT, _ABSENT)
    if shape == "insertion":
        sides = _ABSENT, _side(two, 0, len(two))
    elif shape == "deletion":
        sides = _side(one, 0, len(one)), _ABSENT
    else:
        offset, kind, sides = _edited(one, two)
    if shape == "reorder":
        tools = section is Kind.TOOL
        kind = VolatileKind.TOOL_ORDER if tools else VolatileKind.EXAMPLE_ORDER
    advice = remedy(kind, shape, section)
    return Split(at, section, offset, kind, shape, length, rejoins, *sides, advice)


def _sectioned(found: Alignment, a: Prompt, b: Prompt, at: int) -> Alignment:
    """Where the one prompt has segments of an earlier section than the other, they are no
    edit of the other's: they came or went, whatever else differs behind them."""
    one, two = (SECTIONS.index(prompt.segments[at].kind) for prompt in (a, b))
    if found.shape != "edit" or one == two:
        return found
    longer = b if two < one else a
    rest = [segment.kind for segment in longer.segments[at:]]
    return Alignment("insertion" if two < one else "deletion", rest.count(rest[0]), False)


def _key(segment: Segment) -> tuple[Kind, str, bytes]:
    """What makes two segments the same to a prompt cache."""
    content = segment.canonical or canonical_json(segment.content).encode("utf-8", "surrogatepass")
    return segment.kind, segment.role, content


def _texts(a: Segment, b: Segment) -> tuple[str, str]:
    """Two texts that differ, unless only the roles do."""
    if a.text != b.text:
        return a.text, b.text
    one, two = (_key(segment)[2].decode("utf-8", "surrogatepass") for segment in (a, b))
    return one, two


def _edited(a: str, b: str) -> tuple[int, VolatileKind | None, tuple[Side, Side]]:
    """Offset of the first difference, its kind, and both sides of it."""
    found = kind_of_difference(a, b)
    if found is None:
        return 0, None, (_side(a, 0, len(a)), _side(b, 0, len(b)))
    start, end_a, _, end_b = changed(a, b)
    # Of several differences the first one is shown, if it is known where that one ends.
    end_a, end_b = (
        max(start, min(end_a, found.end_a)),
        max(start, min(end_b, found.end_b)),
    )
    return start, found.kind, (_side(a, start, end_a), _side(b, start, end_b))


def _side(text: str, start: int, end: int) -> Side:
    low = max(start - _CONTEXT, 0)
    shown = min(end, start + _MOST)
    after = text[shown : shown + _CONTEXT] if shown == end else ""
    return Side(text[low:shown] + after, start - low, shown - low)
