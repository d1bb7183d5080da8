"""Reading a compressed response's copy as its bytes go by."""

from __future__ import annotations

import importlib
import zlib
from typing import Any, Protocol

MOST_BYTES = 64 << 20
"""Decoded; what comes after is not read."""
_PIECE = 1 << 20
_ZSTD_PIECE = 1 << 10
"""Its decoder takes no limit: four bytes may stand for 128 KiB."""


class Decoder(Protocol):
    """Bytes in, decoded bytes out; ValueError, or its library's own error, on garbage."""

    def decode(self, data: bytes) -> bytes:
        """What these bytes add."""


class Plain:
    """No encoding."""

    def decode(self, data: bytes) -> bytes:
        return data


class Zlib:
    """gzip and deflate, the latter with and without its header."""

    def __init__(self, encoding: str) -> None:
        self._deflate = encoding == "deflate"
        self._state = zlib.decompressobj(zlib.MAX_WBITS | (0 if self._deflate else 16))
        self._size = 0

    def decode(self, data: bytes) -> bytes:
        if self._deflate and data and data[0] & 0x0F != 8:
            self._state = zlib.decompressobj(-zlib.MAX_WBITS)
        self._deflate = self._deflate and not data
        found = [self._state.decompress(data, _PIECE)]
        while self._state.unconsumed_tail:
            found.append(self._state.decompress(self._state.unconsumed_tail, _PIECE))
            self._size += len(found[-1])
            if self._size > MOST_BYTES:
                raise ValueError("too large when decoded")
        return b"".join(found)


class Brotli:
    """br, where the package is installed."""

    def __init__(self) -> None:
        self._state: Any = importlib.import_module("brotli").Decompressor()
        self._size = 0

    def decode(self, data: bytes) -> bytes:
        found = [self._state.process(data, output_buffer_limit=_PIECE)]
        while not self._state.can_accept_more_data():
            found.append(self._state.process(b"", output_buffer_limit=_PIECE))
            self._size += len(found[-1])
            if self._size > MOST_BYTES:
                raise ValueError("too large when decoded")
        return b"".join(found)


class Zstandard:
    """zstd, where the package is installed."""

    def __init__(self) -> None:
        package = importlib.import_module("zstandard")
        self._state: Any = package.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        self._size = 0

    def decode(self, data: bytes) -> bytes:
        found = []
        for at in range(0, len(data), _ZSTD_PIECE):
            found.append(self._state.decompress(data[at : at + _ZSTD_PIECE]))
            self._size += len(found[-1])
            if self._size > MOST_BYTES:
                raise ValueError("too large when decoded")
        return b"".join(found)


def decoder_of(encoding: str) -> Decoder | None:
    """For a ``Content-Encoding``; None for one that can't be read here."""
    name = encoding.strip().lower()
    try:
        if name in ("", "identity"):
            return Plain()
        if name in ("gzip", "x-gzip", "deflate"):
            return Zlib(name)
        if name == "br":
            return Brotli()
        return Zstandard() if name == "zstd" else None
    except ModuleNotFoundError:
        return None
