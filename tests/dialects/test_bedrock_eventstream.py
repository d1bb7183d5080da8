"""Frames against botocore, which is what clients read them with."""

from __future__ import annotations

import struct
from typing import Any
from zlib import crc32

from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from headstart.dialects.bedrock.eventstream import Frames, event, exception

_values = st.dictionaries(st.text(max_size=4), st.text(max_size=20) | st.integers(0, 9), max_size=3)
_events = st.lists(st.tuples(st.sampled_from(["chunk", "metadata", "x" * 200]), _values))


def _cut(sent: bytes, cuts: list[int]) -> list[bytes]:
    ends = [*sorted(cuts), len(sent)]
    return [sent[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@given(_events, st.lists(st.integers(0, 600)))
def test_frames_in_any_cut_against_botocore(
    events: list[tuple[str, dict[str, Any]]], cuts: list[int]
) -> None:
    sent = b"".join(event(name, value) for name, value in events) + exception("oops", "It broke")
    frames, buffer = Frames(), EventStreamBuffer()
    buffer.add_data(sent)
    found = [frame for piece in _cut(sent, cuts) for frame in frames.feed(piece)]
    expected = [(message.headers, message.payload) for message in buffer]
    assert [(dict(headers), payload) for headers, payload in found] == expected
    assert [frame.headers.get(":event-type") for frame in found] == [*[n for n, _ in events], None]
    assert found[-1].headers[":exception-type"] == "oops"


@given(st.integers(0, 200), st.integers(1, 255), st.lists(st.integers(0, 200)))
def test_a_damaged_byte_ends_the_search(place: int, flip: int, cuts: list[int]) -> None:
    good = event("chunk", {"a": "b"})
    damaged = bytearray(good * 2)
    place %= len(damaged)
    damaged[place] ^= flip
    frames = Frames()
    found = [frame for piece in _cut(bytes(damaged), cuts) for frame in frames.feed(piece)]
    assert len(found) == (place >= len(good))
    assert list(frames.feed(good)) == [] or place >= 2 * len(good)


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes(chunks: list[bytes]) -> None:
    frames = Frames()
    assert [frame for chunk in chunks for frame in frames.feed(chunk)] == []


def test_headers_that_are_no_strings_are_left_out() -> None:
    headers = b"\x01a\x00" + b"\x01b\x03\x00\x07" + b"\x01c\x06\x00\x02xy" + b"\x01d\x07\x00\x01z"
    lengths = struct.pack(">II", 16 + len(headers) + 2, len(headers))
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + b"{}"
    (frame,) = Frames().feed(body + struct.pack(">I", crc32(body)))
    assert frame == ({"d": "z"}, b"{}")
    broken = body.replace(b"\x01d\x07\x00\x01z", b"\x01d\x63\x00\x01z")
    assert list(Frames().feed(broken + struct.pack(">I", crc32(broken)))) == []
