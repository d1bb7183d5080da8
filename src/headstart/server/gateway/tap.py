"""What a response says of itself, read from a copy while its bytes go to the client."""

from __future__ import annotations

from headstart.dialects import Facts, Hosted, UsageReader
from headstart.server.gateway.decoding import Decoder, decoder_of

MOST_BYTES = 16 << 20
"""Of a response that is no stream; a longer one has no usage."""
_BATCH = 64 << 10
"""Bytes of a stream that are looked at together."""


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
