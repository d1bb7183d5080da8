"""Chat Completions' responses, and the dialect that ties its parts together."""

from __future__ import annotations

import secrets

import msgspec

from headstart.dialects.base import Dialect, DialectError, Outcome, Request, Stream
from headstart.dialects.openai.errors import error_object
from headstart.dialects.openai.request import read_request
from headstart.dialects.openai.stream import CompletionStream
from headstart.dialects.openai.usage import FINISH_REASONS, completion_usage

_OVERLOADED = 529
_SERVICE_UNAVAILABLE = 503


class OpenAIDialect(Dialect):
    """``POST /v1/chat/completions``."""

    name = "openai"

    def parse(self, body: bytes) -> Request:
        return read_request(body)

    def render(self, outcome: Outcome, *, model: str, response_id: str, created: int) -> bytes:
        message = {"role": "assistant", "content": outcome.text, "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": FINISH_REASONS[outcome.reason],
        }
        return msgspec.json.encode(
            {
                "id": response_id,
                "object": "chat.completion",
                "created": created,
                "model": model,
                "choices": [choice],
                "usage": completion_usage(outcome.usage),
            }
        )

    def stream(self, request: Request, *, model: str, response_id: str, created: int) -> Stream:
        return CompletionStream(model, response_id, created, request.include_usage)

    def error(self, err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
        headers = {"content-type": self.content_type, "x-request-id": request_id}
        # 529 is Anthropic's own; OpenAI's clients know the standard status.
        status = _SERVICE_UNAVAILABLE if err.status == _OVERLOADED else err.status
        return status, headers, msgspec.json.encode(error_object(err))

    def new_id(self) -> str:
        return f"chatcmpl-{secrets.token_hex(12)}"
