"""The Messages API's event stream: named events, one text block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headstart.dialects.anthropic.usage import (
    STOP_REASONS,
    delta_usage,
    error_object,
    message_usage,
)
from headstart.dialects.base import DialectError, Outcome, Stream
from headstart.usage import Usage


class MessageStream(Stream):
    """message_start, ping, content_block_start, deltas, content_block_stop,
    message_delta, message_stop. A response without text has no content block."""

    def __init__(
        self, model: str, response_id: str, extra: Mapping[str, Any] | None = None
    ) -> None:
        """``extra``: further fields of the message, for its head."""
        self._model = model
        self._id = response_id
        self._extra = extra or {}
        self._block_open = False

    def start(self, usage: Usage) -> bytes:
        message: dict[str, Any] = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": message_usage(usage),
            **self._extra,
        }
        return _event("message_start", message=message) + self.ping()

    def delta(self, text: str) -> bytes:
        if not text:
            return b""
        head = b""
        if not self._block_open:
            self._block_open = True
            block = {"type": "text", "text": ""}
            head = _event("content_block_start", index=0, content_block=block)
        delta = {"type": "text_delta", "text": text}
        return head + _event("content_block_delta", index=0, delta=delta)

    def ping(self) -> bytes:
        return _event("ping")

    def finish(self, outcome: Outcome) -> bytes:
        stop = _event("content_block_stop", index=0) if self._block_open else b""
        delta = {
            "stop_reason": STOP_REASONS[outcome.reason],
            "stop_sequence": outcome.stop_sequence,
        }
        usage = delta_usage(outcome.usage)
        return stop + _event("message_delta", delta=delta, usage=usage) + _event("message_stop")

    def error(self, err: DialectError) -> bytes:
        return b"event: error\ndata: " + msgspec.json.encode(error_object(err)) + b"\n\n"


def _event(name: str, **data: Any) -> bytes:
    body = msgspec.json.encode({"type": name, **data})
    return b"event: " + name.encode() + b"\ndata: " + body + b"\n\n"
