"""The emulating server as an ASGI app: providers' paths, and controls of its own."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import Route

from headstart.dialects import (
    AnthropicHosted,
    BedrockConverse,
    DialectError,
    ErrorKind,
    Gemini,
    Hosted,
    OpenAIChat,
)
from headstart.server.emulate.control import Control
from headstart.server.emulate.endpoints import endpoints
from headstart.server.emulate.exchange import EmulatedRoute
from headstart.server.emulate.resources import resource_routes
from headstart.server.emulate.state import State


def create_emulator(state: State) -> Starlette:
    """An app that does what every provider's prompt cache does, without any model."""
    return Starlette(
        routes=[
            *Control(state).routes(),
            *resource_routes(state),
            *(
                Route(endpoint.path, EmulatedRoute(state, endpoint), methods=["POST"])
                for endpoint in endpoints()
            ),
        ],
        exception_handlers={HTTPException: _on_http_exception},
    )


async def _on_http_exception(connection: HTTPConnection, error: Exception) -> Response:
    """Unknown paths and wrong methods, in the words of whom the client takes us for."""
    assert isinstance(error, HTTPException)
    text = f"{error.detail.lower()}: {connection.url.path[:200]}"
    kind: ErrorKind = "not_found_error" if error.status_code == 404 else "invalid_request_error"
    hosted = _dialect_of(connection.headers)
    status, headers, body = hosted.error(DialectError(error.status_code, kind, text), "")
    return Response(body, status, {**headers, **(error.headers or {})})


def _dialect_of(headers: Mapping[str, str]) -> Hosted:
    """The dialect of a client, by the headers that its SDK sends with every request."""
    if "anthropic-version" in headers:
        return AnthropicHosted()
    if "x-goog-api-key" in headers:
        return Gemini()
    if headers.get("authorization", "").startswith("AWS4-"):
        return BedrockConverse()
    return OpenAIChat()
