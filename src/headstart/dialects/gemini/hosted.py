"""The Gemini API: generateContent, streamGenerateContent, countTokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headstart.dialects.base import DialectError
from headstart.dialects.events import EventFacts, decoded, event
from headstart.dialects.gemini.errors import error_response
from headstart.dialects.gemini.request import read_request
from headstart.dialects.gemini.usage import read_facts, usage_metadata
from headstart.dialects.gemini.writing import write_contents
from headstart.dialects.hosted import (
    Call,
    Facts,
    Hosted,
    Marked,
    Operation,
    Placement,
    Reply,
    Unmarkable,
    UsageReader,
)
from headstart.prompt import Prompt
from headstart.usage import Usage

_FINISH_REASONS = {"stop": "STOP", "stop_sequence": "STOP", "length": "MAX_TOKENS"}
_TELLING = re.compile(rb'"usageMetadata"')


class Gemini(Hosted):
    """``POST /{v}/models/M:generateContent`` and its kin, on the Gemini API and on Vertex.
    The URL has the model and says whether the answer is a stream: both are told to
    ``read``."""

    name = "gemini"
    stream_type = "text/event-stream"

    def read(
        self,
        body: bytes,
        *,
        model: str | None = None,
        headers: Mapping[str, str] | None = None,
        operation: Operation = "generate",
        stream: bool = False,
    ) -> Call:
        return read_request(body, model, operation, stream)

    def write(self, prompt: Prompt) -> dict[str, Any]:
        """``model``, ``contents`` and ``config``, for ``models.generate_content``."""
        return write_contents(prompt, self.name)

    def mark(self, body: bytes, placements: Sequence[Placement]) -> Marked:
        """Unmarkable, for any placement: there is no directive."""
        if placements:
            raise Unmarkable("Gemini has no cache directive")
        return Marked(body, ())

    def strip(self, body: bytes) -> bytes:
        """The body as it is: ``cachedContent`` is part of the prompt."""
        return body

    def facts(self, body: bytes) -> Facts:
        return read_facts(decoded(body))

    def usage_reader(self) -> UsageReader:
        return EventFacts(_TELLING, read_facts)

    def render(self, reply: Reply) -> bytes:
        finish = _FINISH_REASONS[reply.stop]
        return msgspec.json.encode(_response(reply, reply.text, finish, last=True))

    def render_stream(self, reply: Reply, pieces: Sequence[str], call: Call) -> Sequence[bytes]:
        """Each piece a whole response object; the last one ends it and has usage."""
        texts = [piece for piece in pieces if piece] or [""]
        ends = [None] * (len(texts) - 1) + [_FINISH_REASONS[reply.stop]]
        return [
            event(_response(reply, text, finish, last=finish is not None))
            for text, finish in zip(texts, ends, strict=True)
        ]

    def render_count(self, usage: Usage) -> bytes:
        shown = {"totalTokens": usage.input}
        if usage.read:
            shown["cachedContentTokenCount"] = usage.read
        return msgspec.json.encode(shown)

    def error(self, err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
        return error_response(err, request_id)


def _response(reply: Reply, text: str, finish: str | None, *, last: bool) -> dict[str, Any]:
    content = {"parts": [{"text": text}], "role": "model"}
    candidate: dict[str, Any] = {"content": content, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    shown: dict[str, Any] = {"candidates": [candidate]}
    if last:
        shown["usageMetadata"] = usage_metadata(reply.usage)
    return {
        **shown,
        "modelVersion": reply.model,
        "responseId": reply.response_id,
        **(reply.extra or {}),
    }
