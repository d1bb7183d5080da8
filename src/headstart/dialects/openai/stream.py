"""Chat Completions' event stream: unnamed chunks, a usage chunk if asked for, [DONE]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.dialects.base import DialectError, Outcome, Stream
from headstart.dialects.events import event
from headstart.dialects.openai.errors import error_object
from headstart.dialects.openai.usage import CHAT_USAGE, FINISH_REASONS
from headstart.dialects.openai.usage_fields import UsageFields
from headstart.usage import Usage

_DONE = b"data: [DONE]\n\n"


class CompletionStream(Stream):
    """A role chunk, text chunks, a finish chunk. With ``include_usage`` every chunk has a
    null ``usage`` and one more, without choices, has the real one; ``in_choice`` puts it
    into the choice of the finish chunk instead."""

    def __init__(
        self,
        model: str,
        response_id: str,
        created: int,
        include_usage: bool,
        *,
        fields: UsageFields = CHAT_USAGE,
        in_choice: bool = False,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._chunk_of_its_own = include_usage and not in_choice
        self._in_choice = include_usage and in_choice
        self._fields = fields
        self._head: dict[str, Any] = {
            "id": response_id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
            **(extra or {}),
        }
        self._tail: dict[str, Any] = {"usage": None} if self._chunk_of_its_own else {}

    def start(self, usage: Usage) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def delta(self, text: str) -> bytes:
        return self._chunk({"content": text}) if text else b""

    def ping(self) -> bytes:
        return b": ping\n\n"

    def finish(self, outcome: Outcome) -> bytes:
        return b"".join(self.last(outcome))

    def last(self, outcome: Outcome) -> list[bytes]:
        """The frames of ``finish``, one by one."""
        usage = self._fields.render(outcome.usage)
        placed = {"usage": usage} if self._in_choice else {}
        frames = [self._chunk({}, FINISH_REASONS[outcome.reason], **placed)]
        if self._chunk_of_its_own:
            frames.append(event({**self._head, "choices": [], "usage": usage}))
        return [*frames, _DONE]

    def error(self, err: DialectError) -> bytes:
        return event(error_object(err)) + _DONE

    def _chunk(self, delta: dict[str, str], finish_reason: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return event({**self._head, "choices": [{**choice, **more}], **self._tail})
