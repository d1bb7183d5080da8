"""Bedrock's Converse API as a cache and its accounts need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headstart.dialects.anthropic.hosted import decoded
from headstart.dialects.anthropic.settings import named
from headstart.dialects.base import DialectError
from headstart.dialects.bedrock import marking
from headstart.dialects.bedrock.errors import complain, error_response
from headstart.dialects.bedrock.eventstream import CONTENT_TYPE, event
from headstart.dialects.bedrock.segments import ConverseSegments
from headstart.dialects.bedrock.usage import (
    STOP_REASONS,
    FrameFacts,
    facts_in_frame,
    facts_of,
    usage_object,
)
from headstart.dialects.bedrock.writing import write_converse
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
from headstart.prompt import Prompt
from headstart.usage import Usage


class BedrockConverse(Hosted):
    """``POST /model/M/converse``, ``/converse-stream`` and, for bodies of Converse,
    ``/count-tokens``. Whether a response is a stream, the path alone says."""

    name = "bedrock-converse"
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
        fields = Fields(decoded(body), (), complain)
        if operation == "count":
            counted = fields.child("input")
            fields = (counted and counted.child("converse")) or fields
        return read_converse(fields, model, operation, stream, on_block=False)

    def write(self, prompt: Prompt) -> dict[str, Any]:
        """``modelId``, ``toolConfig``, ``system`` and ``messages``, for ``converse``."""
        return {"modelId": prompt.model, **write_converse(prompt, self.name)}

    def mark(self, body: bytes, placements: Sequence[Placement]) -> Marked:
        return marking.mark(body, placements)

    def strip(self, body: bytes) -> bytes:
        return marking.strip(body)

    def facts(self, body: bytes) -> Facts:
        return facts_of(body)

    def usage_reader(self) -> UsageReader:
        return FrameFacts(facts_in_frame)

    def render(self, reply: Reply) -> bytes:
        return msgspec.json.encode(
            {
                "output": {"message": message_object(reply)},
                "stopReason": STOP_REASONS[reply.stop],
                "usage": usage_object(reply.usage),
                **_measured(reply),
            }
        )

    def render_stream(self, reply: Reply, pieces: Sequence[str], call: Call) -> Sequence[bytes]:
        return [event(name, value) for name, value in converse_events(reply, pieces)]

    def render_count(self, usage: Usage) -> bytes:
        return msgspec.json.encode({"inputTokens": usage.input})

    def error(self, err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
        return error_response(err, request_id)


def read_converse(
    fields: Fields, model: str | None, operation: Operation, stream: bool, *, on_block: bool
) -> Call:
    """A Converse body, or with ``on_block`` Nova's own; DialectError."""
    found = ConverseSegments(fields, on_block=on_block)
    inference = fields.child("inferenceConfig")
    max_tokens = inference.integer("maxTokens", 1) if inference is not None else None
    prompt = Prompt(model or "", tuple(found.segments), _settings(fields, found))
    return Call(prompt, operation, stream, max_tokens, True, fields.data)


def message_object(reply: Reply) -> dict[str, Any]:
    """The message of a whole response."""
    return {"role": "assistant", "content": [{"text": reply.text}] if reply.text else []}


def converse_events(reply: Reply, pieces: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Names and values of a streamed response's events, in order."""
    events: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    texts = [piece for piece in pieces if piece]
    for text in texts:
        events.append(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}))
    if texts:
        events.append(("contentBlockStop", {"contentBlockIndex": 0}))
    events.append(("messageStop", {"stopReason": STOP_REASONS[reply.stop]}))
    events.append(("metadata", {"usage": usage_object(reply.usage), **_measured(reply)}))
    return events


def _measured(reply: Reply) -> dict[str, Any]:
    """``metrics``, which clients need; there is no clock here, so without one in ``extra``
    the latency is none."""
    return {"metrics": {"latencyMs": 0}, **(reply.extra or {})}


def _settings(fields: Fields, found: ConverseSegments) -> dict[str, str]:
    """Parameters under the names that the Messages API has for them."""
    extra = fields.child("additionalModelRequestFields")
    parameters: dict[str, Any] = dict(extra.data) if extra is not None else {}
    tools = fields.child("toolConfig")
    choice = tools.child("toolChoice") if tools is not None else None
    if choice is not None:
        for name, value in choice.data.items():
            given = value if isinstance(value, dict) else {}
            parameters["tool_choice"] = {"type": name, **given}
    output = fields.child("outputConfig")
    if output is not None:
        own = parameters.get("output_config")
        parameters["output_config"] = {
            "effort": output.data.get("effort"),
            "format": output.data.get("textFormat"),
            **(own if isinstance(own, dict) else {}),
        }
    return named(parameters, citations=found.citations, images=found.images)
