"""What a response says of itself, read from a copy while its bytes go to the client."""

from __future__ import annotations

from collections.abc import Mapping

from headstart.dialects import Facts, Hosted, UsageReader
from headstart.server.gateway.decoding import Decoder, decoder_of
from headstart.server.gateway.faults import Faults

MOST_BYTES = 16 << 20
"""Of a response that is no stream; a longer one has no usage."""
_BATCH = 64 << 10
"""Bytes of a stream that are looked at together."""
_STREAMS = ("text/event-stream", "application/vnd.amazon.eventstream")


class Tap:
    """One response. ``feed`` keeps references; reading is done in ``facts`` and, of long
    streams, batch by batch."""

    __slots__ = ("_broken", "_decoder", "_held", "_hosted", "_reader", "_size")

    def __init__(self, hosted: Hosted, *, stream: bool, encoding: str) -> None:
        self._hosted = hosted
        self._reader: UsageReader | None = hosted.usage_reader() if stream else None
        self._decoder: Decoder | None = decoder_of(encoding)
        self._held: list[bytes] = []
        self._size = 0
        self._broken = self._decoder is None

    @classmethod
    def of(cls, hosted: Hosted, headers: Mapping[str, str]) -> Tap:
        """For a response with these headers, in any case."""
        stream = headers.get("content-type", "").startswith(_STREAMS)
        return cls(hosted, stream=stream, encoding=headers.get("content-encoding", ""))

    def feed(self, chunk: bytes) -> None:
        """The next bytes as they came. May raise what a decoder raises."""
        if self._broken:
            return
        self._held.append(chunk)
        self._size += len(chunk)
        if self._reader is not None and self._size >= _BATCH:
            self._read()
        elif self._reader is None and self._size > MOST_BYTES:
            self._broken, self._held = True, []

    def facts(self) -> Facts:
        """What the response said, as far as it came."""
        if self._broken:
            return Facts()
        if self._reader is None:
            return self._hosted.facts(self._decoded())
        self._read()
        return self._reader.facts

    def _read(self) -> None:
        assert self._reader is not None
        self._reader.feed(self._decoded())

    def _decoded(self) -> bytes:
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held, self._size = [], 0
        assert self._decoder is not None
        try:
            return self._decoder.decode(data)
        except Exception:
            self._broken = True
            raise


class QuietTap:
    """A tap that a client's response may go through: a fault of ours is counted, and ends the
    reading alone."""

    __slots__ = ("_faults", "_hosted", "_tap")

    def __init__(self, hosted: Hosted | None, faults: Faults) -> None:
        """``hosted``: None for a response that says nothing of itself."""
        self._hosted = hosted
        self._faults = faults
        self._tap: Tap | None = None

    def open(self, headers: Mapping[str, str]) -> None:
        """The response's headers came."""
        try:
            self._tap = Tap.of(self._hosted, headers) if self._hosted is not None else None
        except Exception as error:
            self._faults.note("usage", error)

    def feed(self, chunk: bytes) -> None:
        """The next bytes as they came."""
        if self._tap is None:
            return
        try:
            self._tap.feed(chunk)
        except Exception as error:
            self._faults.note("usage", error)
            self._tap = None

    def facts(self) -> Facts:
        """What the response said, as far as it came."""
        try:
            return self._tap.facts() if self._tap is not None else Facts()
        except Exception as error:
            self._faults.note("usage", error)
            return Facts()
