"""The bytes of a log, whatever it is compressed with, in pieces of bounded size."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import zstandard

PIECE: Final = 1 << 20
_ZSTD_PIECE: Final = 1 << 12
"""Its decoder takes no limit: four bytes may stand for 128 KiB."""
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_MOST_WINDOW: Final = 1 << 27

Advance = Callable[[int], None]
Tell = Callable[[str], None]


class _Gzip:
    """One of the streams that a file consists of."""

    def __init__(self) -> None:
        self._state = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield self._state.decompress(data, PIECE)
            data = self._state.unconsumed_tail

    @property
    def rest(self) -> bytes | None:
        """What stands behind its end; None before that."""
        return self._state.unused_data if self._state.eof else None


class _Zstd:
    """The same, of the other kind."""

    def __init__(self) -> None:
        options = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)
        self._state = options.decompressobj()
        self.rest: bytes | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), _ZSTD_PIECE):
            yield self._state.decompress(data[at : at + _ZSTD_PIECE])
            if self._state.eof:
                self.rest = self._state.unused_data + data[at + _ZSTD_PIECE :]
                return


def opened(path: str) -> BinaryIO:
    """The file; ``-`` is standard input. OSError."""
    return sys.stdin.buffer if path == "-" else open(path, "rb", buffering=0)


def compression_of(head: bytes) -> type[_Gzip] | type[_Zstd] | None:
    """By the first bytes, not by the name."""
    if head.startswith(_GZIP):
        return _Gzip
    return _Zstd if head.startswith(_ZSTD) else None


def pieces(
    file: BinaryIO, advance: Advance, tell: Tell, start: int = 0, end: int | None = None
) -> Iterator[bytes]:
    """Decompressed bytes. ``advance`` hears of the bytes of the file itself, ``tell`` of one
    that ends early or is damaged: what came before that is given. OSError.

    ``start`` and ``end`` are for files that are not compressed.
    """
    read = _raw(file, advance, start, end)
    head = next(read, b"")
    while 0 < len(head) < len(_ZSTD) and (more := next(read, b"")):
        head += more
    kind = None if start else compression_of(head)
    if kind is None:
        yield head
        yield from read
    else:
        yield from _decompressed(head, read, kind, tell)


def _raw(file: BinaryIO, advance: Advance, start: int, end: int | None) -> Iterator[bytes]:
    if start:
        file.seek(start)
    left = sys.maxsize if end is None else end - start
    while left > 0 and (piece := file.read(min(PIECE, left))):
        left -= len(piece)
        advance(len(piece))
        yield piece


def _decompressed(
    data: bytes, read: Iterator[bytes], kind: type[_Gzip] | type[_Zstd], tell: Tell
) -> Iterator[bytes]:
    """Streams that follow one another, until the file ends or makes no sense."""
    stream, streams, begun = kind(), 0, False
    try:
        while data or (data := next(read, b"")):
            if streams and not begun and not data.strip(b"\0"):
                data = b""  # padding behind the last stream, as tape archives have it
                continue
            yield from stream.feed(data)
            begun, data = True, b""
            if stream.rest is not None:
                data, stream, streams, begun = stream.rest, kind(), streams + 1, False
    except (zlib.error, zstandard.ZstdError):
        where = "bytes behind the compressed ones" if streams and not begun else "damaged"
        tell(f"{where}: what came before was read")
        return
    if begun:
        tell("ends in the middle of its compressed data: what came before was read")
