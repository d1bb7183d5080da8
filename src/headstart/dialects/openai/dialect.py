"""Chat Completions' responses, and the dialect that ties its parts together."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from headstart.dialects.base import Dialect, DialectError, Outcome, Request, Stream
from headstart.dialects.openai.completion import completion
from headstart.dialects.openai.errors import error_response
from headstart.dialects.openai.request import read_request
from headstart.dialects.openai.stream import CompletionStream
from headstart.dialects.openai.usage import CHAT_USAGE, FINISH_REASONS


class OpenAIDialect(Dialect):
    """``POST /v1/chat/completions``."""

    name = "openai"

    def parse(self, body: bytes) -> Request:
        return read_request(body)

    def render(self, outcome: Outcome, *, model: str, response_id: str, created: int) -> bytes:
        usage = CHAT_USAGE.render(outcome.usage)
        finish = FINISH_REASONS[outcome.reason]
        names: dict[str, Any] = {"model": model, "response_id": response_id, "created": created}
        return msgspec.json.encode(completion(outcome.text, finish, usage, **names))

    def stream(self, request: Request, *, model: str, response_id: str, created: int) -> Stream:
        return CompletionStream(model, response_id, created, request.include_usage)

    def error(self, err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
        return error_response(err, request_id)

    def new_id(self) -> str:
        return f"chatcmpl-{secrets.token_hex(12)}"
