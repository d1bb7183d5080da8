"""Which error a client is told, and in whose words."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from headstart.dialects import AnthropicDialect, Dialect, DialectError, OpenAIDialect
from headstart.engine.contract import EngineClosed, EngineError, PromptTooLong, TemplateError
from headstart.server.record import record_of

ANTHROPIC = AnthropicDialect()
OPENAI = OpenAIDialect()


def dialect_of(connection: HTTPConnection) -> Dialect:
    """The dialect a request most likely speaks: by path, else by Anthropic's headers."""
    path = connection.url.path
    if path.startswith("/v1/messages"):
        return ANTHROPIC
    if path.startswith("/v1/chat/"):
        return OPENAI
    return ANTHROPIC if "anthropic-version" in connection.headers else OPENAI


def from_engine(error: EngineError) -> DialectError:
    """What a client is told of an engine's error."""
    text = str(error)
    if isinstance(error, PromptTooLong):
        return DialectError(
            400, "invalid_request_error", text, param="messages", code="context_length_exceeded"
        )
    if isinstance(error, TemplateError):
        return DialectError(400, "invalid_request_error", text, param="messages")
    if isinstance(error, EngineClosed):
        return DialectError(529, "overloaded_error", "the server is shutting down")
    return DialectError(500, "api_error", text)


def internal_error() -> DialectError:
    """The whole of what a client learns of a fault of ours."""
    return DialectError(500, "api_error", "internal server error")


def error_response(connection: HTTPConnection, error: DialectError) -> Response:
    """``error`` in the dialect of the request."""
    request_id = record_of(connection).request_id
    status, headers, body = dialect_of(connection).error(error, request_id)
    return Response(body, status, headers)


async def on_dialect_error(connection: HTTPConnection, error: Exception) -> Response:
    """Starlette's exception handler for ``DialectError``."""
    assert isinstance(error, DialectError)
    return error_response(connection, error)


async def on_http_exception(connection: HTTPConnection, error: Exception) -> Response:
    """Starlette's exception handler for its own errors: unknown path, wrong method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        told = DialectError(404, "not_found_error", f"no such path: {connection.url.path[:200]}")
    else:
        told = DialectError(error.status_code, "invalid_request_error", error.detail.lower())
    response = error_response(connection, told)
    response.headers.update(error.headers or {})
    return response
