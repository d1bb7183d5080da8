"""Conversations that only ever grow, so that each turn reads what the turn before wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from headstart.prompt.builder import MOST_BREAKPOINTS, PromptBuilder
from headstart.prompt.layers import block_segment
from headstart.prompt.prompt import Prompt, Segment

LOOKBACK = 20
"""Positions that a breakpoint looks back over, itself included, at Anthropic, Bedrock, Qwen."""
_OF_BASE = 2
"""Breakpoints left to what stands before the conversation."""

Content = str | Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""Text, one content block, or several, in Anthropic's form."""


class Counted(Protocol):
    """What a request's usage says of its input, in tokens; ``headstart.usage.Usage`` does."""

    @property
    def read(self) -> int: ...
    @property
    def written(self) -> int: ...
    @property
    def input(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Statistics:
    """Sums over the requests of a conversation so far, in tokens."""

    requests: int = 0
    read: int = 0
    written: int = 0
    input: int = 0
    """All input: read, written, and neither."""

    @property
    def hit_rate(self) -> float:
        """Share of the input tokens that were read from a cache, 0 to 1."""
        return self.read / self.input if self.input else 0.0

    def plus(self, usage: Counted) -> Statistics:
        """With one more request."""
        return Statistics(
            self.requests + 1,
            self.read + usage.read,
            self.written + usage.written,
            self.input + usage.input,
        )


class Conversation:
    """Messages after a common start. What was appended is never changed or removed: the
    blocks of an earlier prompt are the first blocks of every later one.

    Not safe across threads.
    """

    def __init__(self, start: PromptBuilder) -> None:
        """``start`` has what comes before the conversation. ValueError if some of it is of
        ``Tier.NEVER``: nothing behind it could be read again. What changes from turn to
        turn belongs into the turn's message, and stays in it."""
        if not start.cacheable:
            raise ValueError("a layer that is never cached can't stand before a conversation")
        self._base = start.build(breakpoints=_OF_BASE)
        self._ttl = start.ttl
        self._turns: list[Segment] = []
        self._message = max((s.message + 1 for s in self._base.segments), default=0)
        self._statistics = Statistics()

    def user(self, content: Content) -> None:
        """Append a user message; ValueError if it is empty or no JSON."""
        self._append("user", _blocks(content))

    def assistant(self, content: Content) -> None:
        """Append what the model answered: text, or its content blocks as they came."""
        self._append("assistant", _blocks(content))

    def tool_results(self, results: Mapping[str, Content]) -> None:
        """Append the results of tool calls, by the ids of the calls, as one message."""
        blocks = [
            {
                "type": "tool_result",
                "tool_use_id": call,
                "content": result if isinstance(result, str) else _blocks(result),
            }
            for call, result in results.items()
        ]
        self._append("tool", blocks)

    def record(self, usage: Counted) -> None:
        """Count one request's usage in."""
        self._statistics = self._statistics.plus(usage)

    @property
    def statistics(self) -> Statistics:
        """Of all requests recorded so far."""
        return self._statistics

    def prompt(self) -> Prompt:
        """The conversation so far, with directives on the last user turn, on the one before
        (which the last request wrote), and, as far as directives are left, so
        that from each the one before is within ``LOOKBACK`` positions."""
        base = self._base.segments
        left = MOST_BREAKPOINTS - len(self._base.marked)
        marks = _rolling(self._turns, left)
        turns = (
            replace(segment, ttl=self._ttl) if place in marks else segment
            for place, segment in enumerate(self._turns)
        )
        return replace(self._base, segments=(*base, *turns))

    def _append(self, role: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        if not blocks:
            raise ValueError("a message needs content")
        segments = [
            block_segment(role, self._message, part, block) for part, block in enumerate(blocks)
        ]
        segments[-1] = replace(segments[-1], boundary=True)
        self._turns.extend(segments)
        self._message += 1


def _blocks(content: Content) -> list[Mapping[str, Any]]:
    """Text stays as it is: what the model wrote must be sent back to the letter."""
    if isinstance(content, str):
        if not content:
            raise ValueError("text must not be empty")
        return [{"type": "text", "text": content}]
    return [content] if isinstance(content, Mapping) else list(content)


def _rolling(turns: Sequence[Segment], count: int) -> set[int]:
    """Places of up to ``count`` directives among the turns."""
    ends = _turn_ends(turns)[-2:]
    if not ends or count < 1:
        return set()
    marks = {ends[-1]}
    if count > 1:
        marks.add(ends[0])
    before = ends[0] if len(ends) > 1 else -1
    # The newest part of a long turn matters most: retries and the next turn start there.
    place = ends[-1] - (LOOKBACK - 1)
    while place > before and len(marks) < count:
        nearest = _markable(turns, place)
        if nearest is None or nearest <= before:
            break
        marks.add(nearest)
        place = nearest - (LOOKBACK - 1)
    return marks


def _turn_ends(turns: Sequence[Segment]) -> list[int]:
    """The last segment that takes a directive, of each run of what is not the assistant's.

    A request ends with such a run, so all but the newest are where earlier requests wrote.
    """
    found: list[int] = []
    begins = True
    for place, segment in enumerate(turns):
        if segment.role == "assistant":
            begins = True
        elif segment.markable:
            found[len(found) if begins else -1 :] = [place]
            begins = False
    return found


def _markable(turns: Sequence[Segment], place: int) -> int | None:
    """The segment there, or the nearest one before it that takes a directive."""
    return next((i for i in range(place, -1, -1) if turns[i].markable), None)
