"""Chat Completions, hosted: ``POST /v1/chat/completions``, and whoever speaks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headstart.dialects.base import DialectError, Outcome
from headstart.dialects.body import Fields
from headstart.dialects.hosted import Call, Operation, Reply
from headstart.dialects.openai.chat_outline import outline_chat
from headstart.dialects.openai.chat_writing import write_chat
from headstart.dialects.openai.completion import completion
from headstart.dialects.openai.directives import (
    BREAKPOINT,
    TTL_30M,
    OptionFields,
    Options,
    read_options,
)
from headstart.dialects.openai.family import Format, OpenAIFamily, parsed, read_model
from headstart.dialects.openai.outline import Outline
from headstart.dialects.openai.settings import CHAT
from headstart.dialects.openai.stream import CompletionStream
from headstart.dialects.openai.usage import CHAT_USAGE, FINISH_REASONS
from headstart.prompt import Prompt
from headstart.usage import Usage

OPENAI_CHAT = Format(
    name="openai-chat",
    usage=CHAT_USAGE,
    settings=CHAT,
    directives=(BREAKPOINT,),
    options=OptionFields(("implicit", "explicit"), TTL_30M),
    retentions=("in_memory", "24h"),
)


class OpenAIChat(OpenAIFamily):
    """One provider's Chat Completions; OpenAI's own unless another format is given."""

    _items = ("messages",)
    _usage_at = ("usage", "choices.0.usage", "x_groq.usage")

    def __init__(self, form: Format = OPENAI_CHAT) -> None:
        super().__init__(form)

    def read(
        self,
        body: bytes,
        *,
        model: str | None = None,
        headers: Mapping[str, str] | None = None,
        operation: Operation = "generate",
        stream: bool = False,
    ) -> Call:
        fields = parsed(body)
        name = read_model(fields, model)
        prompt = self._prompt(
            fields, read_options(fields, self.format.options), name, headers or {}
        )
        limit = fields.integer("max_completion_tokens", 0)
        older_limit = fields.integer("max_tokens", 0)
        options = fields.child("stream_options")
        asked = options is not None and options.optional("include_usage", bool) is True
        return Call(
            prompt=prompt,
            operation=operation,
            stream=stream or fields.optional("stream", bool) or False,
            max_tokens=older_limit if limit is None else limit,
            include_usage=asked or self.format.always_usage,
            body=fields.data,
        )

    def write(self, prompt: Prompt) -> dict[str, Any]:
        """``model``, ``messages``, ``tools`` and cache fields, for
        ``chat.completions.create``."""
        return write_chat(prompt, self.format)

    def render(self, reply: Reply) -> bytes:
        return msgspec.json.encode(
            completion(
                reply.text,
                FINISH_REASONS[reply.stop],
                self.format.usage.render(reply.usage),
                model=reply.model,
                response_id=reply.response_id,
                created=reply.created,
                extra=reply.extra,
            )
        )

    def render_stream(self, reply: Reply, pieces: Sequence[str], call: Call) -> Sequence[bytes]:
        stream = CompletionStream(
            reply.model,
            reply.response_id,
            reply.created,
            call.include_usage,
            fields=self.format.usage,
            in_choice=self.format.usage_in_choice,
            extra=reply.extra,
        )
        outcome = Outcome(reply.text, reply.stop, reply.stop_sequence, reply.usage)
        deltas = [stream.delta(piece) for piece in pieces if piece]
        return [stream.start(reply.usage), *deltas, *stream.last(outcome)]

    def render_count(self, usage: Usage) -> bytes:
        """DialectError: the API has no such call."""
        text = "Chat Completions has no endpoint that counts tokens"
        raise DialectError(404, "not_found_error", text)

    def _outline(self, fields: Fields, options: Options) -> tuple[Outline, str | None]:
        outline = Outline(self.format.directives, options.ttl)
        outline_chat(fields, outline)
        return outline, None
