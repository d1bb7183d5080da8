"""Usage in Bedrock's terms, whole and in event streams.

``inputTokens`` is what was neither read nor written. ``cacheDetails`` splits what was
written, longest TTL first. Of what ``totalTokens`` is the sum, no document says more than
"input and generated": here, of all four.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from headstart.dialects.bedrock.eventstream import Frame, Frames
from headstart.dialects.hosted import Facts, UsageReader
from headstart.usage import Usage

STOP_REASONS = {"stop": "end_turn", "stop_sequence": "stop_sequence", "length": "max_tokens"}


class _Detail(msgspec.Struct, rename="camel"):
    ttl: str = "5m"
    input_tokens: int = 0


class Reported(msgspec.Struct, rename="camel"):
    """The ``usage`` object; Nova's own bodies (InvokeModel) name the cache's counts
    ``...TokenCount``."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    cache_read_input_token_count: int | None = None
    cache_write_input_token_count: int | None = None
    cache_details: list[_Detail] | None = None

    def buckets(self) -> Usage | None:
        """None where nothing is told; ValueError for counts that are none."""
        if self.input_tokens is None and self.output_tokens is None:
            return None
        hour = sum(part.input_tokens for part in self.cache_details or () if part.ttl == "1h")
        split = sum(part.input_tokens for part in self.cache_details or ())
        written = _first(self.cache_write_input_tokens, self.cache_write_input_token_count, split)
        hour = min(hour, written)
        return Usage(
            fresh=self.input_tokens or 0,
            read=_first(self.cache_read_input_tokens, self.cache_read_input_token_count, 0),
            write_5m=written - hour,
            write_1h=hour,
            output=self.output_tokens or 0,
        )


class _Body(msgspec.Struct):
    usage: Reported | None = None
    stop: Any = msgspec.field(default=None, name="stopReason")


_BODY = msgspec.json.Decoder(_Body)


def facts_of(body: bytes) -> Facts:
    """Of a whole response, or of a ``messageStop`` or ``metadata`` event."""
    try:
        found = _BODY.decode(body)
        stop = found.stop if isinstance(found.stop, str) else None
        return Facts(None if found.usage is None else found.usage.buckets(), stop)
    except (ValueError, RecursionError):
        return Facts()


def usage_object(usage: Usage) -> dict[str, Any]:
    """``usage`` of a Converse response. Writes of lifetimes that Bedrock does not know
    count with the 5 m ones."""
    details = [
        {"ttl": "1h", "inputTokens": usage.write_1h},
        {"ttl": "5m", "inputTokens": usage.written - usage.write_1h},
    ]
    return {
        "inputTokens": usage.fresh,
        "outputTokens": usage.output,
        "totalTokens": usage.input + usage.output,
        "cacheReadInputTokens": usage.read,
        "cacheWriteInputTokens": usage.written,
        "cacheDetails": [detail for detail in details if detail["inputTokens"]],
    }


class FrameFacts(UsageReader):
    """Facts in the frames of an event stream; ``find`` looks at one of them and never
    raises."""

    def __init__(self, find: Callable[[Frame], Facts | None]) -> None:
        self._frames = Frames()
        self._find = find
        self._facts = Facts()

    def feed(self, chunk: bytes) -> None:
        for frame in self._frames.feed(chunk):
            found = self._find(frame)
            if found is not None:
                self._facts = self._facts.updated(found)

    @property
    def facts(self) -> Facts:
        return self._facts


def facts_in_frame(frame: Frame) -> Facts | None:
    """Of Converse's ``messageStop`` and ``metadata`` events."""
    telling = frame.headers.get(":event-type") in ("messageStop", "metadata")
    return facts_of(frame.payload) if telling else None


def _first(*counts: int | None) -> int:
    return next(count for count in counts if count is not None)
