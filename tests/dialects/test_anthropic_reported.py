from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.dialects import AnthropicHosted
from headstart.dialects.hosted import Reply
from headstart.usage import Usage

HOSTED = AnthropicHosted()
_count = st.integers(0, 2**40)
_usages = st.builds(
    Usage, fresh=_count, read=_count, write_5m=_count, write_1h=_count, output=_count
)
_CALL = HOSTED.read(b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"u"}]}')


def _stream(usage: Usage, text: str) -> bytes:
    reply = Reply(text, "stop", usage, "m", "msg_1", 0)
    return b"".join(HOSTED.render_stream(reply, [text, text], _CALL))


def _event(**data: Any) -> bytes:
    return b"event: x\ndata: " + json.dumps(data).encode() + b"\n\n"


@given(_usages)
def test_a_whole_message(usage: Usage) -> None:
    assert HOSTED.usage(HOSTED.render(Reply("t", "stop", usage, "m", "id", 0))) == usage


@given(_usages, st.text(max_size=8), st.lists(st.integers(0, 400)), st.sampled_from(["\n", "\r\n"]))
def test_a_stream_in_any_cut(usage: Usage, text: str, cuts: list[int], newline: str) -> None:
    sent = _stream(usage, text + '"usage"').replace(b"\n", newline.encode())
    reader = HOSTED.usage_reader()
    at = 0
    for cut in [*sorted(cuts), len(sent)]:
        reader.feed(sent[at:cut])
        at = max(at, cut)
    assert reader.usage == usage


@given(st.lists(st.binary(max_size=30) | st.sampled_from(
    [b'data: {"type":"message_delta","usage":', b"{", b"\n\n", b'{"output_tokens":-1}}', b"data:"]
)))  # fmt: skip
def test_any_bytes(chunks: list[bytes]) -> None:
    reader = HOSTED.usage_reader()
    for chunk in chunks:
        reader.feed(chunk)
    assert HOSTED.usage(b"".join(chunks)) is None


def test_what_is_not_null_replaces_what_was_there() -> None:
    reader = HOSTED.usage_reader()
    split = {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}
    start = {"input_tokens": 1, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 7,
             "cache_creation": split, "output_tokens": 1}  # fmt: skip
    assert reader.usage is None
    reader.feed(_event(type="message_start", message={"usage": start}))
    first = Usage(fresh=1, read=2, write_5m=3, write_1h=4, output=1)
    assert reader.usage == first
    reader.feed(_event(type="ping", usage={"output_tokens": 99}))
    reader.feed(_event(type="message_delta", usage={"output_tokens": 9, "input_tokens": None}))
    assert reader.usage == replace(first, output=9)
    reader.feed(_event(type="message_delta", usage={"cache_creation_input_tokens": 9}))
    assert reader.usage == replace(first, output=9, write_5m=5)
    reader.feed(_event(type="message_delta", usage={"cache_creation_input_tokens": 2}))
    assert reader.usage == replace(first, output=9, write_5m=0, write_1h=2)


@pytest.mark.parametrize(
    ("usage", "buckets"),
    [
        ({"input_tokens": 1, "output_tokens": 2}, Usage(fresh=1, output=2)),
        ({"cache_creation_input_tokens": 5}, Usage(write_5m=5)),
        ({"cache_creation": {"ephemeral_1h_input_tokens": 5}}, Usage(write_1h=5)),
        ({"input_tokens": 1, "iterations": [{"input_tokens": 9}]}, Usage(fresh=1)),
        ({"input_tokens": -1}, None),
        ({"input_tokens": "1"}, None),
        (None, None),
        ([], None),
    ],
)
def test_usage_that_is_partial_or_none(usage: object, buckets: Usage | None) -> None:
    assert HOSTED.usage(json.dumps({"id": "x", "usage": usage}).encode()) == buckets


def test_other_lifetimes_keep_the_sum() -> None:
    usage = Usage(write_5m=1, write_other=2, write_30m=3, write_12h=4, write_1h=5)
    found = HOSTED.usage(HOSTED.render(Reply("", "length", usage, "m", "id", 0)))
    assert found == Usage(write_5m=10, write_1h=5)
