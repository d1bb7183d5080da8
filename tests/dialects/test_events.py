"""Events come out the same however their bytes are cut."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.dialects import events
from headstart.dialects.events import EventData, EventFacts, decoded, event
from headstart.dialects.hosted import Facts
from headstart.usage import Usage


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place for place in places if place < len(data)})
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


def read(chunks: list[bytes]) -> list[bytes]:
    reader = EventData()
    return [data for chunk in chunks for data in reader.feed(chunk)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_in_three_ways(end: bytes) -> None:
    lines = [b": ping", b"", b"event: x", b"data: 1", b"data:2", b"id: 3", b"", b"data: 4", b""]
    # A lone CR at the end of what came may be half of a CRLF, and ends the line all the same.
    assert read([end.join(lines) + end]) == [b"1\n2", b"4"]


def test_an_event_that_is_not_ended_is_none() -> None:
    assert read([b"data: 1\n\ndata: 2\n"]) == [b"1"]


_LINES = st.sampled_from(
    [b"data: a", b"data:b", b"data", b"", b":c", b"event: d", b"data: \xff", b"dat"]
)
_STREAMS = st.lists(st.tuples(_LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=12)


@given(_STREAMS, st.lists(st.integers(0, 120), max_size=12))
def test_any_cut(lines: list[tuple[bytes, bytes]], places: list[int]) -> None:
    data = b"".join(line + end for line, end in lines)
    assert read(cut(data, places)) == read([data])


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_any_bytes_in_any_cut(data: bytes, places: list[int]) -> None:
    assert read(cut(data, places)) == read([data])


_TOLD = re.compile(rb"a|:\\s*+(?!b)")


@given(_STREAMS, st.lists(st.integers(0, 120), max_size=12))
def test_what_is_asked_for_is_not_left_out(
    lines: list[tuple[bytes, bytes]], places: list[int]
) -> None:
    data = b"".join(line + end for line, end in lines)
    reader = EventData(_TOLD)
    found = [event for chunk in cut(data, places) for event in reader.feed(chunk)]
    assert [event for event in found if _TOLD.search(event)] == [
        event for event in read([data]) if _TOLD.search(event)
    ]


def test_what_is_too_long_is_skipped_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_BYTES", 10)
    reader = EventData()
    chunks = [b"data: " + b"x" * 20, b"y" * 20, b"\n\n", b"data: 1\n\n"]
    assert [data for chunk in chunks for data in reader.feed(chunk)] == [b"1"]
    many = b"data: 123456\n" * 3 + b"\ndata: 2\n\n"
    assert list(reader.feed(many)) == [b"2"]


def test_the_latest_usage_counts_and_events_without_are_not_decoded() -> None:
    seen: list[object] = []

    def find(value: object) -> Facts:
        seen.append(value)
        return Facts(Usage(fresh=value["usage"]) if isinstance(value, dict) else None)

    reader = EventFacts(re.compile(rb'"usage"'), find)
    reader.feed(event({"usage": 1}) + event({"other": 5}, "name") + event({"usage": 2}))
    reader.feed(b'data: {"usage":\n\n')
    assert reader.usage == Usage(fresh=2)
    assert seen == [{"usage": 1}, {"usage": 2}, None]


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b"NaN"])
def test_what_is_no_json_is_none(data: bytes) -> None:
    assert decoded(data) is None
