"""Models that see no thinking of earlier turns: it leaves the prompt, and with it all keys
from there on change."""

from __future__ import annotations

from dataclasses import replace

from headstart.prompt import Prompt, Segment

_THINKING = ("thinking", "redacted_thinking")
DROPPED = "dropped"
"""Type of a segment that stands for a block that is not in the prompt."""


def without_thinking(prompt: Prompt) -> Prompt:
    """Thinking blocks before the last user turn that is no tool result, emptied. Segments
    keep their places, so that marks and positions mean what they meant."""
    turns = (s.message for s in prompt.segments if s.role == "user" and s.type != "tool_result")
    last = max(turns, default=-1)
    if not any(_stripped(segment, last) for segment in prompt.segments):
        return prompt
    segments = tuple(
        replace(segment, text="", content=None, canonical=b"null", type=DROPPED)
        if _stripped(segment, last)
        else segment
        for segment in prompt.segments
    )
    return replace(prompt, segments=segments)


def _stripped(segment: Segment, last: int) -> bool:
    return segment.type in _THINKING and segment.message < last
