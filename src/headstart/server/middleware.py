"""The outermost layer: gives a request its id, its log line and its place in the metrics."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headstart.server.errors import dialect_of, error_response, internal_error
from headstart.server.logs import fault_of, log_request
from headstart.server.metrics import Metrics
from headstart.server.record import CLIENT_GONE, Record
from headstart.usage import RequestRecord

_QUIET_PATHS = frozenset({"/healthz", "/metrics"})
"""Asked every few seconds by machines: neither logged nor counted."""
_GENERATING = frozenset({"/v1/messages", "/v1/chat/completions"})
Sink = Callable[[RequestRecord], None]
"""Takes a record at once, and raises nothing."""


class RequestRecords:
    """Puts a ``Record`` beside each request; no fault leaves it, and none is told in detail."""

    def __init__(self, app: ASGIApp, metrics: Metrics, sink: Sink | None = None) -> None:
        """``sink`` gets what a ledger keeps of requests that generate."""
        self._app = app
        self._metrics = metrics
        self._sink = sink

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        record = Record(dialect=dialect_of(connection).name)
        connection.state.record = record

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["request-id"] = headers["x-request-id"] = record.request_id
                record.status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            record.status = CLIENT_GONE
        except Exception as error:
            record.fault = fault_of(error)
            if record.status is None:
                response = error_response(connection, internal_error())
                await response(scope, receive, send_with_id)
        finally:
            record.status = record.status or CLIENT_GONE
            if scope["path"] not in _QUIET_PATHS:
                self._metrics.count(record)
                log_request(record)
            if self._sink is not None and scope["path"] in _GENERATING:
                kept = record.kept()
                if kept is not None:
                    self._sink(kept)
