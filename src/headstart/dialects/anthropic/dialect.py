"""The Messages API's responses, and the dialect that ties its parts together."""

from __future__ import annotations

import secrets

import msgspec

from headstart.dialects.anthropic.request import read_request
from headstart.dialects.anthropic.stream import MessageStream
from headstart.dialects.anthropic.usage import error_object, message_object
from headstart.dialects.base import Dialect, DialectError, Outcome, Request, Stream


class AnthropicDialect(Dialect):
    """``POST /v1/messages`` and ``/v1/messages/count_tokens``; API versions 2023-06-01
    and 2026-10-21 differ in nothing that is rendered here."""

    name = "anthropic"

    def parse(self, body: bytes) -> Request:
        return read_request(body, counting=False)

    def parse_count(self, body: bytes) -> Request:
        """As ``parse``, for a count_tokens body."""
        return read_request(body, counting=True)

    def render_count(self, input_tokens: int) -> bytes:
        """The body of a count_tokens response."""
        return msgspec.json.encode({"input_tokens": input_tokens})

    def render(self, outcome: Outcome, *, model: str, response_id: str, created: int) -> bytes:
        return msgspec.json.encode(message_object(outcome, model, response_id))

    def stream(self, request: Request, *, model: str, response_id: str, created: int) -> Stream:
        return MessageStream(model, response_id)

    def error(self, err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
        body = msgspec.json.encode({**error_object(err), "request_id": request_id})
        return err.status, {"content-type": self.content_type, "request-id": request_id}, body

    def new_id(self) -> str:
        return f"msg_{secrets.token_hex(12)}"
