"""Chat Completions' event stream: unnamed chunks, a usage chunk if asked for, [DONE]."""

from __future__ import annotations

from typing import Any

import msgspec

from headstart.dialects.base import DialectError, Outcome, Stream
from headstart.dialects.openai.errors import error_object
from headstart.dialects.openai.usage import FINISH_REASONS, completion_usage
from headstart.usage import Usage

_DONE = b"data: [DONE]\n\n"


class CompletionStream(Stream):
    """A role chunk, text chunks, a finish chunk. With ``include_usage`` every chunk has a
    null ``usage`` and one more, without choices, has the real one."""

    def __init__(self, model: str, response_id: str, created: int, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._head: dict[str, Any] = {
            "id": response_id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._tail: dict[str, Any] = {"usage": None} if include_usage else {}

    def start(self, usage: Usage) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def delta(self, text: str) -> bytes:
        return self._chunk({"content": text}) if text else b""

    def ping(self) -> bytes:
        return b": ping\n\n"

    def finish(self, outcome: Outcome) -> bytes:
        end = self._chunk({}, FINISH_REASONS[outcome.reason])
        if self._include_usage:
            usage = completion_usage(outcome.usage)
            end += _data({**self._head, "choices": [], "usage": usage})
        return end + _DONE

    def error(self, err: DialectError) -> bytes:
        return _data(error_object(err)) + _DONE

    def _chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _data({**self._head, "choices": [choice], **self._tail})


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
