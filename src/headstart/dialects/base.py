"""The contract of a wire format: parse requests, render responses, streams and errors.

A dialect does no I/O, knows no engine and keeps no state between requests. One that is
asked to parse any bytes at all answers with a ``Request`` or raises ``DialectError``.
Every string in a ``Request`` is valid Unicode (no lone surrogates): it can be tokenised
and sent back as UTF-8.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from headstart.prompt import Prompt
from headstart.usage import Usage

ErrorKind = Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
    "overloaded_error",
]


class DialectError(Exception):
    """What a client is to be told. ``kind`` is Anthropic's name; each dialect renders it
    in its own shape. ``param`` and ``code`` are OpenAI's, and None where unknown."""

    def __init__(
        self,
        status: int,
        kind: ErrorKind,
        message: str,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind: ErrorKind = kind
        self.message = message
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """One request, in the terms of a chat template and a sampler."""

    prompt: Prompt
    chat_messages: tuple[dict[str, Any], ...]
    """``{"role": "system|user|assistant|tool", "parts": [text, ...]}`` plus, where they
    apply, ``tool_calls`` (arguments as an object), ``tool_call_id`` and ``name``."""
    tools: tuple[dict[str, Any], ...]
    """``{"type": "function", "function": {"name", "description", "parameters"}}``."""
    marks: tuple[tuple[int, int, float], ...]
    """Cache markers in prompt order, an automatic one included: index into
    ``chat_messages`` (-1 for the tools), index into its ``parts`` (or of the last tool
    covered), TTL in seconds. A part index at or beyond ``len(parts)`` marks a tool call:
    the prefix then ends with its message."""
    max_tokens: int | None
    """None: no limit given. 0: prefill only (pre-warm)."""
    temperature: float
    top_p: float
    top_k: int
    """0: no limit."""
    seed: int | None
    stop: tuple[str, ...]
    stream: bool
    include_usage: bool
    """The stream is to carry usage (always so where the dialect has no choice)."""
    cache_salt: str | None
    """Narrows the scope that the request may share cached work with."""


class Outcome(NamedTuple):
    """What a finished request gave. ``stop_sequence`` is the one that matched."""

    text: str
    reason: Literal["stop", "stop_sequence", "length"]
    stop_sequence: str | None
    usage: Usage


class Stream(ABC):
    """One response's SSE encoder. Every method returns the bytes to send next.

    Order of calls: ``start``, then ``delta`` and ``ping`` as often as needed, then one of
    ``finish`` and ``error``. ``error`` may come at any point after ``start``.
    """

    content_type = "text/event-stream; charset=utf-8"

    @abstractmethod
    def start(self, usage: Usage) -> bytes:
        """The head of the stream; input buckets of ``usage`` are final, output is so far."""

    @abstractmethod
    def delta(self, text: str) -> bytes:
        """New text; b"" for an empty one."""

    @abstractmethod
    def ping(self) -> bytes:
        """Something that clients ignore, to keep the connection alive."""

    @abstractmethod
    def finish(self, outcome: Outcome) -> bytes:
        """The end of a response that succeeded; ``outcome.text`` is not sent again."""

    @abstractmethod
    def error(self, err: DialectError) -> bytes:
        """The end of a response that failed after its head was sent."""


class Dialect(ABC):
    """One provider's wire format."""

    name: str
    content_type = "application/json"

    @abstractmethod
    def parse(self, body: bytes) -> Request:
        """DialectError, and nothing else, on bytes that are no valid request."""

    @abstractmethod
    def render(self, outcome: Outcome, *, model: str, response_id: str, created: int) -> bytes:
        """The JSON body of a whole response; ``created`` in Unix seconds."""

    @abstractmethod
    def stream(self, request: Request, *, model: str, response_id: str, created: int) -> Stream:
        """The encoder of one streamed response."""

    @abstractmethod
    def error(self, err: DialectError, request_id: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (content type and request id) and body."""

    @abstractmethod
    def new_id(self) -> str:
        """A fresh response id in the dialect's own form."""
