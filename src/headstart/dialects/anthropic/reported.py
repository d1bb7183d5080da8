"""Usage, stop reason and diagnostics as Messages responses tell them, whole and streamed.

``message_start`` has all usage, and the diagnostics; ``message_delta`` is cumulative and
repeats some, without the split by TTL, and has the stop reason. As the SDK does, what is not
null replaces what was there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from headstart.dialects.events import EventData
from headstart.dialects.hosted import Diagnosis, Facts, UsageReader
from headstart.usage import MissReason, Usage

_REASONS: Final[Mapping[str, MissReason]] = MappingProxyType(
    {
        "model_changed": MissReason.MODEL_CHANGED,
        "system_changed": MissReason.DIVERGED,
        "tools_changed": MissReason.TOOLS_CHANGED,
        "messages_changed": MissReason.DIVERGED,
    }
)
"""Types of ``diagnostics.cache_miss_reason``. ``previous_message_not_found``, ``unavailable``
and null (pending, or no divergence) say nothing. Source: SDK types of anthropic 2.12.0."""


class _Split(msgspec.Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class Reported(msgspec.Struct):
    """The ``usage`` object."""

    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: _Split | None = None
    output_tokens: int | None = None

    def update(self, later: Reported) -> None:
        """Take over what a later report says."""
        for name in self.__struct_fields__:
            value = getattr(later, name)
            if value is not None:
                setattr(self, name, value)

    def buckets(self) -> Usage:
        """ValueError for counts that are none. Writes whose TTL is not told are 5 m ones."""
        split = self.cache_creation or _Split()
        hour = split.ephemeral_1h_input_tokens or 0
        written = self.cache_creation_input_tokens
        if written is None:
            written = hour + (split.ephemeral_5m_input_tokens or 0)
        hour = min(hour, written)
        return Usage(
            fresh=self.input_tokens or 0,
            read=self.cache_read_input_tokens or 0,
            write_5m=written - hour,
            write_1h=hour,
            output=self.output_tokens or 0,
        )


class _Message(msgspec.Struct):
    usage: Reported | None = None
    stop_reason: Any = None
    diagnostics: Any = None

    def facts(self, usage: Usage | None) -> Facts:
        """With usage that was added up elsewhere."""
        return Facts(usage, _text(self.stop_reason), _diagnosis(self.diagnostics))


class _Delta(msgspec.Struct):
    stop_reason: Any = None


class _Event(msgspec.Struct):
    type: str = ""
    message: _Message | None = None
    usage: Reported | None = None
    delta: _Delta | None = None


_USAGE = re.compile(rb'"usage"')
_MESSAGE = msgspec.json.Decoder(_Message)
_EVENT = msgspec.json.Decoder(_Event)


def message_facts(body: bytes) -> Facts:
    """Of a whole message."""
    try:
        message = _MESSAGE.decode(body)
        return message.facts(None if message.usage is None else message.usage.buckets())
    except (ValueError, RecursionError):
        return Facts()


def _diagnosis(found: Any) -> Diagnosis | None:
    reason = found.get("cache_miss_reason") if isinstance(found, dict) else None
    if not isinstance(reason, dict):
        return None
    named = _REASONS.get(_text(reason.get("type")) or "")
    missed = reason.get("cache_missed_input_tokens")
    counted = type(missed) is int and missed >= 0
    return None if named is None else Diagnosis(named, missed if counted else None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


class MessageFacts:
    """Facts out of a stream's events, one after the other."""

    __slots__ = ("_reported", "facts")

    def __init__(self) -> None:
        self._reported = Reported()
        self.facts = Facts()

    def take(self, data: bytes) -> None:
        """One event's JSON. Never raises."""
        if b'"usage"' not in data:
            return  # inside of a string the quotes would be escaped
        try:
            event = _EVENT.decode(data)
            reported = event.message.usage if event.message is not None else event.usage
            if event.type in ("message_start", "message_delta") and reported is not None:
                self._reported.update(reported)
                usage = self._reported.buckets()
                told = event.message or _Message(
                    stop_reason=event.delta and event.delta.stop_reason
                )
                self.facts = self.facts.updated(told.facts(usage))
        except (ValueError, RecursionError):
            return


class MessageUsageReader(UsageReader):
    """Reads a Messages event stream."""

    def __init__(self) -> None:
        self._data = EventData(_USAGE)
        self._events = MessageFacts()

    def feed(self, chunk: bytes) -> None:
        for data in self._data.feed(chunk):
            self._events.take(data)

    @property
    def facts(self) -> Facts:
        return self._events.facts
