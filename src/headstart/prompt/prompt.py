"""What a request asks the model to read, in the order in which a prompt cache sees it.

Every dialect parses into this one form: tools, then system, then messages, cut at the
finest places where a provider lets a cache directive stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Which section of the prompt a segment belongs to."""

    TOOL = "tool"
    SYSTEM = "system"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Segment:
    """One content block of a message, one tool definition, or one system block."""

    kind: Kind
    role: str
    """"tools", "system", "user", "assistant" or "tool"."""
    message: int
    """Index of the message it belongs to; -1 for tools and for system text that the
    dialect carries outside of its messages."""
    part: int
    """Index of the block within its message, of the tool, or of the system block."""
    text: str
    """Text as the model gets it; canonical JSON for tools and tool calls; empty for a
    block that is dropped from the prompt."""
    content: Any
    """The parsed block as the client sent it."""
    ttl: float | None
    """Seconds, if a cache directive stands on it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A model name and the segments it is to read, in prompt order."""

    model: str
    segments: tuple[Segment, ...]

    @property
    def marked(self) -> tuple[Segment, ...]:
        """The segments that carry a cache directive."""
        return tuple(segment for segment in self.segments if segment.ttl is not None)
