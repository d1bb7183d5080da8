"""Facts from a copy of a response, however it comes."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects import AnthropicHosted, Facts, OpenAIChat, Reply
from headstart.server.gateway import tap as taps
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.tap import QuietTap, Tap
from headstart.usage import Usage

HOSTED = AnthropicHosted()
CALL = HOSTED.read(b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"u"}]}')
USAGE = Usage(fresh=3, read=5, output=2)
REPLY = Reply("text " * 50, "stop", USAGE, "m", "msg_1", 17)
WHOLE = HOSTED.render(REPLY)
STREAM = b"".join(HOSTED.render_stream(REPLY, ["text "] * 50, CALL))
FOUND = Facts(USAGE, "end_turn")


def fed(tap: Tap | QuietTap, data: bytes, size: int) -> Tap | QuietTap:
    for at in range(0, len(data), size):
        tap.feed(data[at : at + size])
    return tap


@pytest.mark.parametrize("encoding", ["", "gzip"])
@settings(deadline=None)
@given(size=st.integers(1, 3000))
def test_whole_and_streamed(encoding: str, size: int) -> None:
    for data, stream in ((WHOLE, False), (STREAM, True)):
        sent = gzip.compress(data) if encoding else data
        assert fed(Tap(HOSTED, stream=stream, encoding=encoding), sent, size).facts() == FOUND


def test_a_long_stream_is_read_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps, "_BATCH", 100)
    assert fed(Tap(HOSTED, stream=True, encoding=""), STREAM, 7).facts() == FOUND


def test_a_cut_stream_says_what_came() -> None:
    cut = STREAM[: STREAM.index(b"message_delta")]
    found = fed(Tap(HOSTED, stream=True, encoding=""), cut, 50).facts()
    assert found.usage is not None
    assert found.usage.read == 5
    assert found.stop is None


def test_a_whole_one_that_is_too_long_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps, "MOST_BYTES", 50)
    assert fed(Tap(HOSTED, stream=False, encoding=""), WHOLE, 20).facts() == Facts()


def test_an_encoding_that_nobody_knows_says_nothing() -> None:
    assert fed(Tap(HOSTED, stream=False, encoding="x"), WHOLE, 20).facts() == Facts()


def test_garbage_raises_once_and_says_nothing_then() -> None:
    tap = Tap(HOSTED, stream=True, encoding="gzip")
    tap.feed(b"no gzip")
    with pytest.raises(Exception, match="incorrect header"):
        tap.facts()
    assert tap.facts() == Facts()


def test_what_is_garbage_is_counted_and_ends_the_reading_alone() -> None:
    faults = Faults()
    tap = QuietTap(HOSTED, faults)
    assert tap.facts() == Facts()  # no head came
    tap.open({"content-type": "text/event-stream", "content-encoding": "gzip"})
    for _ in range(3):
        tap.feed(b"no gzip" * 20_000)
    assert tap.facts() == Facts()
    assert faults.counts == {"usage": 1}


def test_a_quiet_tap_says_what_a_tap_says() -> None:
    tap = QuietTap(HOSTED, Faults())
    tap.open({"content-type": "text/event-stream; charset=utf-8"})
    assert fed(tap, STREAM, 7).facts() == FOUND
    assert fed(QuietTap(None, Faults()), STREAM, 7).facts() == Facts()


def test_usage_of_a_chat_in_its_last_chunk() -> None:
    usage = {
        "prompt_tokens": 8,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 5},
    }
    chunks = [
        {"choices": [{"delta": {"content": "x"}, "finish_reason": None}], "usage": None},
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}], "usage": None},
        {"choices": [], "usage": usage},
    ]
    data = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    tap = fed(Tap(OpenAIChat(), stream=True, encoding=""), data + b"data: [DONE]\n\n", 9)
    assert tap.facts() == Facts(USAGE, "tool_calls")
