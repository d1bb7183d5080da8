"""Usage as Messages responses report it, whole and streamed.

``message_start`` has all of it; ``message_delta`` is cumulative and repeats some, without
the split by TTL. As the SDK does, what is not null replaces what was there.
"""

from __future__ import annotations

import msgspec

from headstart.dialects.events import EventData
from headstart.dialects.hosted import UsageReader
from headstart.usage import Usage


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


class _Event(msgspec.Struct):
    type: str = ""
    message: _Message | None = None
    usage: Reported | None = None


_MESSAGE = msgspec.json.Decoder(_Message)
_EVENT = msgspec.json.Decoder(_Event)


def message_usage_of(body: bytes) -> Usage | None:
    """Usage of a whole message; None if there is none in it."""
    try:
        reported = _MESSAGE.decode(body).usage
        return None if reported is None else reported.buckets()
    except (ValueError, RecursionError):
        return None


class EventUsage:
    """Usage out of a stream's events, one after the other."""

    __slots__ = ("_reported", "usage")

    def __init__(self) -> None:
        self._reported = Reported()
        self.usage: Usage | None = None

    def take(self, data: bytes) -> None:
        """One event's JSON. Never raises."""
        if b'"usage"' not in data:
            return  # inside of a string the quotes would be escaped
        try:
            event = _EVENT.decode(data)
            reported = event.message.usage if event.message is not None else event.usage
            if event.type in ("message_start", "message_delta") and reported is not None:
                self._reported.update(reported)
                self.usage = self._reported.buckets()
        except (ValueError, RecursionError):
            return


class MessageUsageReader(UsageReader):
    """Reads a Messages event stream."""

    def __init__(self) -> None:
        self._data = EventData()
        self._events = EventUsage()

    def feed(self, chunk: bytes) -> None:
        for data in self._data.feed(chunk):
            self._events.take(data)

    @property
    def usage(self) -> Usage | None:
        return self._events.usage
