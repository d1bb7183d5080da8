"""Prompts made to be cached: stable layers first, one way of writing, directives in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby
from typing import Any

from headstart.prompt.layers import Tier, block_segment, normalised, tool_segment
from headstart.prompt.prompt import Prompt, Segment

MOST_BREAKPOINTS = 4
"""The most that Anthropic, OpenAI, Bedrock and Qwen take in one request."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One tool, system text or message, as the caller gave it, and who shares it."""

    role: str
    """"tools", "system", "user" or "assistant"."""
    content: Mapping[str, Any]
    """A tool definition, or a text block."""
    tier: Tier


@dataclass(frozen=True, slots=True)
class PromptBuilder:
    """A prompt under construction. Immutable: every method gives a new builder, so that a
    common start can be kept and continued for each request.

    In a prompt, tools come before system text and this before messages. Within each of the
    three, layers are put in the order of their tiers: tools then by name, the others as they
    were added. What stands behind a less stable layer is no more stable than this one.
    """

    model: str
    ttl: float = 300.0
    """Seconds that cached layers are to live."""
    always_ttl: float | None = None
    """The same for those of ``Tier.ALWAYS``, if they are to live longer: not less than
    ``ttl``, since providers want longer lives first."""
    layers: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        if not self.ttl > 0:
            raise ValueError(f"ttl must be above 0 seconds, not {self.ttl}")
        if self.always_ttl is not None and not self.always_ttl >= self.ttl:
            raise ValueError(f"always_ttl ({self.always_ttl}) must not be below ttl ({self.ttl})")

    def tool(
        self,
        name: str,
        description: str = "",
        schema: Mapping[str, Any] | None = None,
        *,
        tier: Tier = Tier.ALWAYS,
    ) -> PromptBuilder:
        """Add a tool; ``schema`` is the JSON Schema of its input, default: no input.

        ValueError for a name that is taken, for what is not JSON, and for ``Tier.NEVER``:
        tools come first, so that nothing could be cached behind such a one.
        """
        if not name:
            raise ValueError("a tool needs a name")
        if any(layer.role == "tools" and layer.content["name"] == name for layer in self.layers):
            raise ValueError(f"there is a tool named {name!r} already")
        if tier is Tier.NEVER:
            raise ValueError(f"tool {name!r}: a tool comes before all else, and must be cacheable")
        tool = {
            "name": name,
            "description": normalised(description),
            "input_schema": dict(schema or {"type": "object", "properties": {}}),
        }
        if not tool["description"]:
            del tool["description"]
        return self._with(Layer("tools", tool_segment(tool, 0).content, tier))

    def system(self, text: str, *, tier: Tier = Tier.ALWAYS) -> PromptBuilder:
        """Add system text; ValueError if there is none in it."""
        return self._with(Layer("system", _text_block(text), tier))

    def user(self, text: str, *, tier: Tier = Tier.NEVER) -> PromptBuilder:
        """Add a user message: the question, or a document or example of a lower tier."""
        return self._with(Layer("user", _text_block(text), tier))

    def assistant(self, text: str, *, tier: Tier = Tier.NEVER) -> PromptBuilder:
        """Add an assistant message, as in examples."""
        return self._with(Layer("assistant", _text_block(text), tier))

    @property
    def version(self) -> str:
        """SHA-256, in hexadecimal, of what is cacheable: roles and contents, in prompt order,
        up to the first layer of ``Tier.NEVER``. Independent of model and lifetimes."""
        state = sha256()
        for segment, tier in self._segments():
            if tier is not Tier.NEVER:
                for part in (segment.role.encode(), segment.canonical):
                    state.update(len(part).to_bytes(8, "big") + part)
        return state.hexdigest()

    @property
    def cacheable(self) -> bool:
        """No layer is of ``Tier.NEVER``."""
        return all(layer.tier is not Tier.NEVER for layer in self.layers)

    def build(self, *, breakpoints: int = MOST_BREAKPOINTS) -> Prompt:
        """The prompt, with at most so many cache directives.

        They stand, most important first: at the end of what is always cached, at the end of
        all that is cached, at the end of the tools, and at the ends of the other layers of
        ``Tier.SEGMENT``, the last ones first. ValueError for more than providers take.
        """
        if not 0 <= breakpoints <= MOST_BREAKPOINTS:
            raise ValueError(f"0 to {MOST_BREAKPOINTS} breakpoints, not {breakpoints}")
        placed = self._segments()
        marks = {place: self._ttl(placed[place][1]) for place in _ends(placed)[:breakpoints]}
        return Prompt(
            self.model,
            tuple(
                replace(segment, ttl=marks.get(place)) for place, (segment, _) in enumerate(placed)
            ),
        )

    def _with(self, layer: Layer) -> PromptBuilder:
        return replace(self, layers=(*self.layers, layer))

    def _ttl(self, tier: Tier) -> float:
        long = self.always_ttl if tier is Tier.ALWAYS else None
        return self.ttl if long is None else long

    def _segments(self) -> list[tuple[Segment, Tier]]:
        """In prompt order, each with the tier that it has there."""
        found: list[tuple[Segment, Tier]] = []
        tier = Tier.ALWAYS
        for _, section in groupby(sorted(self.layers, key=_place), key=_section):
            for index, layer in enumerate(section):
                tier = max(tier, layer.tier)
                found.append((_segment(layer, index), tier))
        return _with_boundaries(found)


def _segment(layer: Layer, index: int) -> Segment:
    """``index`` counts within the tools, the system text, or the messages."""
    if layer.role == "tools":
        return tool_segment(layer.content, index)
    if layer.role == "system":
        return block_segment("system", -1, index, layer.content)
    return block_segment(layer.role, index, 0, layer.content)


def _section(layer: Layer) -> int:
    return {"tools": 0, "system": 1}.get(layer.role, 2)


def _place(layer: Layer) -> tuple[int, Tier, str]:
    name = layer.content["name"] if layer.role == "tools" else ""
    return _section(layer), layer.tier, name


def _text_block(text: str) -> dict[str, Any]:
    written = normalised(text)
    if not written:
        raise ValueError("text must not be empty")
    return {"type": "text", "text": written}


def _with_boundaries(placed: Sequence[tuple[Segment, Tier]]) -> list[tuple[Segment, Tier]]:
    """The end of the system text and of each message may bear a provider's own breakpoint."""
    following = (*(segment.message for segment, _ in placed[1:]), None)
    return [
        (replace(segment, boundary=segment.role != "tools" and segment.message != after), tier)
        for (segment, tier), after in zip(placed, following, strict=False)
    ]


def _ends(placed: Sequence[tuple[Segment, Tier]]) -> list[int]:
    """Places for directives, the most important first."""
    always = [i for i, (_, tier) in enumerate(placed) if tier is Tier.ALWAYS]
    cached = [i for i, (_, tier) in enumerate(placed) if tier is not Tier.NEVER]
    tools = [i for i in cached if placed[i][0].role == "tools"]
    wanted = [*always[-1:], *cached[-1:], *tools[-1:], *reversed(cached[len(always) :])]
    return list(dict.fromkeys(wanted))
