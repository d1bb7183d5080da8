"""AWS event streams: binary frames, written whole, and read as their bytes go by.

A frame, all numbers big-endian: its length (4 bytes), the length of its headers (4), a
CRC-32 of these 8 bytes (4), headers, payload, a CRC-32 of all before it (4). A header: the
length of its name (1), the name, its type (1; 7 is a string), the value's length (2) and
the value. Source: the decoder in botocore 1.44.5, which is what clients read frames with.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

CONTENT_TYPE = "application/vnd.amazon.eventstream"
MOST_BYTES = 24 * 2**20
"""A longer frame is none: botocore's limit on a payload is as high."""

_STRING = 7
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Header types that have no length of their own -> bytes of their value."""
_PRELUDE = struct.Struct(">III")


class Frame(NamedTuple):
    """One message; headers that are no strings are left out."""

    headers: Mapping[str, str]
    payload: bytes


def event(name: str, value: Mapping[str, Any]) -> bytes:
    """A frame with an event in it."""
    headers = {
        ":event-type": name,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return _frame(headers, msgspec.json.encode(value))


def exception(name: str, message: str) -> bytes:
    """A frame that ends a stream with an error; ``name`` as ``validationException``."""
    headers = {
        ":exception-type": name,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return _frame(headers, msgspec.json.encode({"message": message}))


class Frames:
    """Frames out of bytes that come in any cut. Never raises: after bytes that are no
    frame there is no telling where the next one begins, and nothing more is found."""

    __slots__ = ("_buffer", "_lost")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lost = False

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that end in ``chunk``; consume them before the next call."""
        if self._lost:
            return
        self._buffer += chunk
        at = 0
        while (size := self._size(at)) and len(self._buffer) - at >= size:
            frame = _parsed(bytes(self._buffer[at : at + size]))
            at += size
            if frame is None:
                self._lose()
                return
            yield frame
        del self._buffer[:at]

    def _size(self, at: int) -> int:
        """Bytes of the frame that begins at ``at``; 0 while that is not known."""
        if len(self._buffer) - at < _PRELUDE.size:
            return 0
        size, headers, check = _PRELUDE.unpack_from(self._buffer, at)
        sound = _PRELUDE.size + headers + 4 <= size <= MOST_BYTES
        if not sound or crc32(self._buffer[at : at + 8]) != check:
            self._lose()
            return 0
        return int(size)

    def _lose(self) -> None:
        self._lost = True
        self._buffer.clear()


def _frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    packed = b"".join(map(_header, headers.items()))
    size = _PRELUDE.size + len(packed) + len(payload) + 4
    lengths = struct.pack(">II", size, len(packed))
    head = lengths + struct.pack(">I", crc32(lengths)) + packed + payload
    return head + struct.pack(">I", crc32(head))


def _header(item: tuple[str, str]) -> bytes:
    name, value = item[0].encode(), item[1].encode()
    return bytes([len(name)]) + name + struct.pack(">BH", _STRING, len(value)) + value


def _parsed(frame: bytes) -> Frame | None:
    """A whole frame whose prelude is sound; None if the rest is not."""
    if crc32(frame[:-4]) != int.from_bytes(frame[-4:], "big"):
        return None
    end = _PRELUDE.size + int.from_bytes(frame[4:8], "big")
    try:
        headers = dict(_headers(frame[:end]))
    except (IndexError, KeyError, UnicodeDecodeError):
        return None
    return Frame(headers, frame[end:-4])


def _headers(frame: bytes) -> Iterator[tuple[str, str]]:
    """IndexError, KeyError and UnicodeDecodeError for what is no header."""
    at = _PRELUDE.size
    while at < len(frame):
        start = at + 1
        at = start + frame[at]
        name, kind = frame[start:at].decode(), frame[at]
        at += 1
        if kind in _FIXED:
            at += _FIXED[kind]
        elif kind in (6, _STRING):
            start = at + 2
            at = start + frame[at] * 256 + frame[at + 1]
            if kind == _STRING:
                yield name, frame[start:at].decode()
        else:
            raise KeyError(kind)
    if at > len(frame):
        raise IndexError(at)
