"""The bytes of streams that clients hide: framing, pings, the end."""

from __future__ import annotations

import json

import pytest

from headstart.dialects import (
    AnthropicDialect,
    Dialect,
    DialectError,
    OpenAIDialect,
    Outcome,
    Request,
    Stream,
)
from headstart.usage import Usage

_BODY = b'{"model":"m","max_tokens":1,"stream":true,"messages":[{"role":"user","content":"x"}]}'
_USAGE = Usage(fresh=1, read=2, output=1)


def _stream(dialect: Dialect) -> Stream:
    request: Request = dialect.parse(_BODY)
    return dialect.stream(request, model="m", response_id="id", created=1)


@pytest.mark.parametrize("dialect", [AnthropicDialect(), OpenAIDialect()], ids=["a", "o"])
def test_every_frame_is_whole_and_on_one_data_line(dialect: Dialect) -> None:
    stream = _stream(dialect)
    sent = stream.start(_USAGE) + stream.ping()
    sent += stream.delta("a\r\nb\ndata: c\n\n\u2028\x85") + stream.delta("")
    sent += stream.finish(Outcome("", "stop", None, _USAGE))
    assert sent.endswith(b"\n\n")
    for frame in sent.decode().removesuffix("\n\n").split("\n\n"):
        lines = frame.split("\n")
        if lines[0].startswith("event: "):
            event = json.loads(lines[1].removeprefix("data: "))
            assert lines[0] == f"event: {event['type']}"
        else:
            assert len(lines) == 1
            assert lines[0].startswith(("data: ", ": ping"))


def test_openai_ends_with_done_after_success_and_failure() -> None:
    done = b"data: [DONE]\n\n"
    assert _stream(OpenAIDialect()).finish(Outcome("", "stop", None, _USAGE)).endswith(done)
    err = DialectError(500, "api_error", "It broke")
    failed = _stream(OpenAIDialect()).error(err)
    assert failed.endswith(done)
    assert json.loads(failed.split(b"\n")[0].removeprefix(b"data: ")) == {
        "error": {"message": "It broke", "type": "server_error", "param": None, "code": None}
    }


def test_anthropic_fails_with_an_error_event() -> None:
    failed = _stream(AnthropicDialect()).error(DialectError(500, "api_error", "It broke"))
    head, data, *_ = failed.decode().split("\n")
    assert head == "event: error"
    assert json.loads(data.removeprefix("data: ")) == {
        "type": "error",
        "error": {"type": "api_error", "message": "It broke"},
    }


def test_ids_are_fresh_and_in_the_dialects_own_form() -> None:
    assert len({AnthropicDialect().new_id() for _ in range(100)}) == 100
    assert AnthropicDialect().new_id().startswith("msg_")
    assert OpenAIDialect().new_id().startswith("chatcmpl-")
