"""Bedrock's InvokeModel: a model's own bodies, Claude's and Nova's, in Bedrock's frames."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headstart.dialects.anthropic import marking as claude
from headstart.dialects.anthropic.errors import complain as complain_as_claude
from headstart.dialects.anthropic.hosted import (
    decoded,
    message_events,
    read_call,
    render_message,
)
from headstart.dialects.anthropic.reported import MessageFacts, message_facts
from headstart.dialects.base import DialectError
from headstart.dialects.bedrock import marking as nova
from headstart.dialects.bedrock.converse import (
    converse_events,
    message_object,
    read_converse,
)
from headstart.dialects.bedrock.errors import complain, error_response
from headstart.dialects.bedrock.eventstream import CONTENT_TYPE, Frame, event
from headstart.dialects.bedrock.usage import STOP_REASONS, FrameFacts, facts_of, usage_object
from headstart.dialects.bedrock.writing import write_body
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
from headstart.dialects.spans import find
from headstart.prompt import Prompt
from headstart.usage import Usage

_LEGACY = re.compile(r"claude-(?:3|(?:opus|sonnet|haiku)-4(?:-[0-6])?(?:-\d{8}|-v|:|$))")
"""Models up to 4.6, which take no top-level ``cache_control`` here."""
_VERSION = "anthropic_version"


class BedrockInvoke(Hosted):
    """``POST /model/M/invoke`` and ``/invoke-with-response-stream``. A body with
    ``anthropic_version`` is Claude's, any other one is read as Nova's."""

    name = "bedrock-invoke"
    stream_type = CONTENT_TYPE

    def read(
        self,
        body: bytes,
        *,
        model: str | None = None,
        headers: Mapping[str, str] | None = None,
        operation: Operation = "generate",
        stream: bool = False,
    ) -> Call:
        data = decoded(body)
        if _VERSION not in data and "claude" not in (model or ""):
            fields = Fields(data, (), complain)
            return read_converse(fields, model, operation, stream, on_block=True)
        fields = Fields(data, (), complain_as_claude)
        version = fields.required(_VERSION, str)
        if "cache_control" in data and _LEGACY.search(model or ""):
            text = "Extra inputs are not permitted"
            raise complain_as_claude(("cache_control",), "value", text)
        return read_call(fields, model or "", version=version, operation=operation, stream=stream)

    def write(self, prompt: Prompt, *, max_tokens: int = 4096) -> dict[str, Any]:
        """``modelId`` and ``body``, for ``invoke_model``. The body is closed, so it has the
        limit that Claude requires. ValueError where the model's name is not one of Claude's
        or Nova's: whose body it takes can't be told."""
        return {"modelId": prompt.model, "body": write_body(prompt, self.name, max_tokens)}

    def mark(self, body: bytes, placements: Sequence[Placement]) -> Marked:
        if find(body, _VERSION) is not None:
            return claude.mark(body, placements)
        return nova.mark(body, placements, on_block=True)

    def strip(self, body: bytes) -> bytes:
        return claude.strip(body) if find(body, _VERSION) is not None else nova.strip(body)

    def facts(self, body: bytes) -> Facts:
        return message_facts(body).updated(facts_of(body))

    def usage_reader(self) -> UsageReader:
        return FrameFacts(_Chunks().facts)

    def render(self, reply: Reply) -> bytes:
        if not _is_nova(reply.model):
            return render_message(reply)
        return msgspec.json.encode(
            {
                "output": {"message": message_object(reply)},
                "stopReason": STOP_REASONS[reply.stop],
                "usage": _nova_usage(reply.usage),
                **(reply.extra or {}),
            }
        )

    def render_stream(self, reply: Reply, pieces: Sequence[str], call: Call) -> Sequence[bytes]:
        if _is_nova(reply.model):
            events = [{name: value} for name, value in converse_events(reply, pieces)]
            events[-1]["metadata"]["usage"] = _nova_usage(reply.usage)
            return [_chunk(msgspec.json.encode(item)) for item in events]
        frames = b"".join(message_events(reply, pieces)).split(b"\n")
        return [_chunk(line[6:]) for line in frames if line.startswith(b"data: ")]

    def render_count(self, usage: Usage) -> bytes:
        return msgspec.json.encode({"inputTokens": usage.input})

    def error(self, err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
        return error_response(err, request_id)


def invoke_headers(usage: Usage) -> dict[str, str]:
    """Headers of a whole response, with its counts. Those of the cache are from memory:
    clients pass any header through, and no document at hand names them."""
    head = "x-amzn-bedrock"
    return {
        f"{head}-input-token-count": str(usage.fresh),
        f"{head}-output-token-count": str(usage.output),
        f"{head}-cache-read-input-token-count": str(usage.read),
        f"{head}-cache-write-input-token-count": str(usage.written),
    }


class _Payload(msgspec.Struct):
    """A ``chunk`` event: the model's own event, base64-encoded."""

    data: bytes = msgspec.field(name="bytes")


class _NovaEvent(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.Raw()
    stop: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="messageStop")


_PAYLOAD = msgspec.json.Decoder(_Payload)
_NOVA_EVENT = msgspec.json.Decoder(_NovaEvent)
_NOVA_TOLD = re.compile(rb'"(?:metadata|messageStop)"')


class _Chunks:
    """Facts out of ``chunk`` frames, whichever model's they are."""

    def __init__(self) -> None:
        self._claude = MessageFacts()

    def facts(self, frame: Frame) -> Facts | None:
        """The latest ones, once this frame is taken in. Never raises."""
        if frame.headers.get(":event-type") != "chunk":
            return None
        try:
            data = _PAYLOAD.decode(frame.payload).data
            nova = _NOVA_EVENT.decode(data) if _NOVA_TOLD.search(data) else _NovaEvent()
        except (ValueError, RecursionError):
            return None
        told = bytes(nova.metadata) or bytes(nova.stop)
        if told:
            return facts_of(told)
        self._claude.take(data)
        return self._claude.facts


def _chunk(data: bytes) -> bytes:
    return event("chunk", {"bytes": b64encode(data).decode()})


def _is_nova(model: str) -> bool:
    return "nova" in model.lower()


def _nova_usage(usage: Usage) -> dict[str, Any]:
    """Nova's own bodies name the cache's counts differently, and split nothing."""
    shown = usage_object(usage)
    return {
        "inputTokens": shown["inputTokens"],
        "outputTokens": shown["outputTokens"],
        "totalTokens": shown["totalTokens"],
        "cacheReadInputTokenCount": shown["cacheReadInputTokens"],
        "cacheWriteInputTokenCount": shown["cacheWriteInputTokens"],
    }
