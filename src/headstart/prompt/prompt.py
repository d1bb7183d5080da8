"""What a request asks the model to read, in the order in which a prompt cache sees it.

Every dialect parses into this one form: tools, then system, then messages, cut at the
finest places where a provider lets a cache directive stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


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
    """Text as the model gets it; canonical JSON for tools, tool calls and blocks that are
    no text; empty for a block that is dropped from the prompt."""
    content: Any
    """The parsed block as the client sent it."""
    ttl: float | None
    """Seconds, if a cache directive stands on it (an automatic one included)."""
    type: str = "text"
    """"text", "tool", "tool_use", "tool_result", "thinking", "image", "audio", "document",
    or the dialect's own name of a block that is none of these."""
    canonical: bytes = b""
    """What the block adds to a prompt cache's key: the block without its cache directives,
    as compact JSON with its keys in the client's order; for a bare string, the JSON of its
    one-block form. Empty where a dialect does not fill it in."""
    markable: bool = True
    """A cache directive may stand on it."""
    boundary: bool = False
    """A provider that chooses its own breakpoints may put one at its end."""


@dataclass(frozen=True, slots=True)
class Controls:
    """What a request says to the provider's cache, apart from markers on segments."""

    automatic: bool = False
    """An automatic marker was asked for (it then stands on its segment as well)."""
    mode: Literal["implicit", "explicit"] | None = None
    ttl: float | None = None
    """Seconds asked for, for the whole request."""
    key: str | None = None
    """Routing or partition key (``prompt_cache_key``)."""
    retention: str | None = None
    user: str | None = None
    """End user, where the provider isolates by it."""
    session: str | None = None
    """Conversation id, where the provider routes by it."""
    salt: str | None = None
    resource: str | None = None
    """Name of a cache object that the prompt continues (Gemini's ``cachedContent``)."""
    continues: str | None = None
    """Id of earlier content that the provider puts into the prompt and the request does not
    carry (``previous_response_id``, a conversation, a stored prompt). What such a prompt
    reads and writes can't be predicted from its segments."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A model name and the segments it is to read, in prompt order."""

    model: str
    segments: tuple[Segment, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    """Every other parameter that some provider's key may depend on: dotted name ->
    canonical JSON (``{"tool_choice": '{"type":"any"}', "thinking": ..., "images": "true"}``).
    A provider's rules say which of them count and from which section on."""
    controls: Controls = field(default_factory=Controls)

    @property
    def marked(self) -> tuple[Segment, ...]:
        """The segments that carry a cache directive."""
        return tuple(segment for segment in self.segments if segment.ttl is not None)
