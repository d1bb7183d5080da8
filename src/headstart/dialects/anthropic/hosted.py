"""The Messages API as a cache and its accounts need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from headstart.dialects.anthropic import marking
from headstart.dialects.anthropic.cache_control import ttl_of
from headstart.dialects.anthropic.dialect import AnthropicDialect
from headstart.dialects.anthropic.errors import complain, invalid
from headstart.dialects.anthropic.reported import MessageUsageReader, message_facts
from headstart.dialects.anthropic.segments import Segments
from headstart.dialects.anthropic.settings import check_prewarm, check_version, settings_of
from headstart.dialects.anthropic.stream import MessageStream
from headstart.dialects.anthropic.usage import message_object
from headstart.dialects.anthropic.writing import write_messages
from headstart.dialects.base import DialectError, Outcome
from headstart.dialects.body import Fields
from headstart.dialects.hosted import (
    Call,
    Facts,
    Hosted,
    Marked,
    Operation,
    Placement,
    Reply,
    UsageReader,
)
from headstart.prompt import Controls, Prompt
from headstart.usage import Usage


class AnthropicHosted(Hosted):
    """``POST /v1/messages`` and ``/v1/messages/count_tokens``, and Claude on Vertex; API
    versions 2023-06-01 and 2026-10-21, by the header ``anthropic-version`` or, on Vertex,
    ``anthropic_version`` in the body."""

    name = "anthropic"

    def read(
        self,
        body: bytes,
        *,
        model: str | None = None,
        headers: Mapping[str, str] | None = None,
        operation: Operation = "generate",
        stream: bool = False,
    ) -> Call:
        fields = Fields(decoded(body), (), complain)
        if model is None:
            model = fields.required("model", str)
            if not model:
                raise complain(("model",), "value", "String should have at least 1 character")
        version = (headers or {}).get("anthropic-version")
        return read_call(
            fields,
            model,
            version=version or fields.optional("anthropic_version", str) or "",
            operation=operation,
            stream=stream or bool(fields.optional("stream", bool)),
        )

    def write(self, prompt: Prompt) -> dict[str, Any]:
        """``model``, ``tools``, ``system`` and ``messages``, for ``messages.create``."""
        return {"model": prompt.model, **write_messages(prompt)}

    def mark(self, body: bytes, placements: Sequence[Placement]) -> Marked:
        return marking.mark(body, placements)

    def strip(self, body: bytes) -> bytes:
        return marking.strip(body)

    def facts(self, body: bytes) -> Facts:
        return message_facts(body)

    def usage_reader(self) -> UsageReader:
        return MessageUsageReader()

    def render(self, reply: Reply) -> bytes:
        return render_message(reply)

    def render_stream(self, reply: Reply, pieces: Sequence[str], call: Call) -> Sequence[bytes]:
        return message_events(reply, pieces)

    def render_count(self, usage: Usage) -> bytes:
        return AnthropicDialect().render_count(usage.input)

    def error(self, err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
        return AnthropicDialect().error(err, request_id)


def decoded(body: bytes) -> dict[str, Any]:
    """The object in ``body``, a key that stands twice with its last value; DialectError."""
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise invalid("The request body is not valid JSON: nested too deeply") from None
    except ValueError as exc:  # msgspec's own errors and UnicodeDecodeError
        raise invalid(f"The request body is not valid JSON: {exc}") from None
    if not isinstance(value, dict):
        raise invalid("The request body is not valid JSON: expected an object")
    return value


def read_call(
    fields: Fields, model: str, *, version: str, operation: Operation, stream: bool
) -> Call:
    """A Messages body whose model and version are known; DialectError."""
    counting = operation == "count"
    max_tokens = fields.integer("max_tokens", 0)
    if max_tokens is None and not counting:
        raise complain(("max_tokens",), "missing", "Field required")
    found = Segments(fields)
    automatic = ttl_of(fields)
    segments = found.placed(automatic)
    check_version(fields, version, found)
    if max_tokens == 0 and not counting:
        check_prewarm(fields, stream)
    metadata = fields.child("metadata")
    user = metadata.data.get("user_id") if metadata is not None else None
    controls = Controls(
        automatic=automatic is not None,
        ttl=automatic,
        user=user if isinstance(user, str) else None,
    )
    prompt = Prompt(model, segments, settings_of(fields.data, found), controls)
    return Call(prompt, operation, stream, max_tokens, True, fields.data)


def render_message(reply: Reply) -> bytes:
    """A whole message."""
    message = message_object(_outcome(reply), reply.model, reply.response_id)
    return msgspec.json.encode({**message, **(reply.extra or {})})


def message_events(reply: Reply, pieces: Sequence[str]) -> list[bytes]:
    """A streamed message; further fields come with its head."""
    stream = MessageStream(reply.model, reply.response_id, reply.extra)
    head = stream.start(replace(reply.usage, output=min(reply.usage.output, 1)))
    deltas = [frame for frame in map(stream.delta, pieces) if frame]
    return [head, *deltas, stream.finish(_outcome(reply))]


def _outcome(reply: Reply) -> Outcome:
    return Outcome(reply.text, reply.stop, reply.stop_sequence, reply.usage)
