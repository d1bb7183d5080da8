"""``POST /v1/messages`` and ``POST /v1/chat/completions``: one route, two dialects."""

from __future__ import annotations

import asyncio
import time

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from headstart.dialects import Dialect, DialectError, Outcome, Request, Stream
from headstart.engine.contract import (
    Chat,
    Delta,
    Encoded,
    EngineError,
    Event,
    Finished,
    Generation,
    Mark,
    Sampling,
    Started,
)
from headstart.server.accounting import split_usage
from headstart.server.auth import scope_of
from headstart.server.errors import from_engine, internal_error
from headstart.server.generate import Running, running
from headstart.server.logs import fault_of
from headstart.server.record import Record, record_of
from headstart.server.service import Service
from headstart.usage import Usage


def encode(service: Service, request: Request) -> Encoded:
    """Template and tokenise a request's prompt; TemplateError. Takes milliseconds a
    thousand tokens: not for the event loop."""
    chat = Chat(request.chat_messages, request.tools, [Mark(*mark) for mark in request.marks])
    return service.engine.encode(chat)


class GenerateRoute:
    """An ASGI app that answers one dialect's generation requests."""

    def __init__(self, service: Service, dialect: Dialect) -> None:
        self._service = service
        self._dialect = dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = HTTPRequest(scope, receive)
        tenant = self._service.authenticate(http)
        body = await self._service.read_body(http)
        try:
            request, prompt = await asyncio.to_thread(self._read, body)
            record = record_of(http)
            record.model = request.prompt.model
            record.stream = request.stream
            generation = Generation(
                prompt, scope_of(tenant, request.cache_salt), _sampling(request)
            )
            async with running(self._service.engine, generation, receive) as run:
                exchange = _Exchange(self._service, self._dialect, request, prompt, run, record)
                if request.stream:
                    await exchange.stream(send)
                    return
                response = await exchange.whole()
            await response(scope, receive, send)
        except EngineError as error:
            raise from_engine(error) from error

    def _read(self, body: bytes) -> tuple[Request, Encoded]:
        """Bytes to tokens; DialectError, TemplateError."""
        request = self._dialect.parse(body)
        self._service.check_model(request.prompt.model)
        context = self._service.engine.info.context
        if request.max_tokens is not None and request.max_tokens > context:
            raise DialectError(
                400,
                "invalid_request_error",
                f"max_tokens: {request.max_tokens} > {context}, which is the maximum allowed"
                f" number of output tokens for {request.prompt.model}",
                param="max_tokens",
            )
        return request, encode(self._service, request)


class _Exchange:
    """One request between its engine and its client."""

    def __init__(
        self,
        service: Service,
        dialect: Dialect,
        request: Request,
        prompt: Encoded,
        run: Running,
        record: Record,
    ) -> None:
        self._service = service
        self._dialect = dialect
        self._request = request
        self._prompt = prompt
        self._run = run
        self._record = record
        self._response_id = dialect.new_id()
        self._created = int(time.time())

    async def whole(self) -> Response:
        """The response in one piece; EngineError, ClientDisconnect."""
        texts = []
        while not isinstance(event := await self._next(), Finished):
            if isinstance(event, Delta):
                texts.append(event.text)
        body = self._dialect.render(
            self._outcome(event, "".join(texts)),
            model=self._request.prompt.model,
            response_id=self._response_id,
            created=self._created,
        )
        return Response(body, media_type=self._dialect.content_type)

    async def stream(self, send: Send) -> None:
        """The response as it comes. EngineError only before the first byte: from then on
        an error is an event of the stream. ClientDisconnect."""
        stream = self._dialect.stream(
            self._request,
            model=self._request.prompt.model,
            response_id=self._response_id,
            created=self._created,
        )
        event = await self._next(self._service.settings.ping_interval)
        await send(_stream_head(stream))
        try:
            while not isinstance(event, Finished):
                await _send_chunk(send, self._encode(stream, event))
                event = await self._next(self._service.settings.ping_interval)
            last = stream.finish(self._outcome(event, ""))
        except EngineError as error:
            last = stream.error(from_engine(error))
            self._record.fault = fault_of(error)
        except ClientDisconnect:
            raise
        except Exception as error:
            last = stream.error(internal_error())
            self._record.fault = fault_of(error)
        await _send_chunk(send, last)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, patience: float | None = None) -> Event | None:
        event = await self._run.next(patience)
        if isinstance(event, Started):
            self._record.ttft = self._record.elapsed
            self._record.usage = self._usage(event, 0)
        elif isinstance(event, Finished):
            self._record.usage = self._usage(event, event.output_tokens)
        return event

    def _encode(self, stream: Stream, event: Event | None) -> bytes:
        if isinstance(event, Started):
            return stream.start(self._usage(event, 0))
        return stream.delta(event.text) if isinstance(event, Delta) else stream.ping()

    def _usage(self, event: Started | Finished, output: int) -> Usage:
        return split_usage(event.prompt_tokens, event.read, self._prompt.leases, output)

    def _outcome(self, event: Finished, text: str) -> Outcome:
        usage = self._usage(event, event.output_tokens)
        return Outcome(text, event.reason, event.stop_sequence, usage)


def _sampling(request: Request) -> Sampling:
    return Sampling(
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        seed=request.seed,
        stop=request.stop,
    )


def _stream_head(stream: Stream) -> Message:
    headers = {
        "content-type": stream.content_type,
        "cache-control": "no-cache",
        "x-accel-buffering": "no",  # nginx would hold the events back
    }
    return {
        "type": "http.response.start",
        "status": 200,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


async def _send_chunk(send: Send, chunk: bytes) -> None:
    if chunk:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
