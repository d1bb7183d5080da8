"""One emulated request: read it, look it up, answer it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headstart.dialects import Call, DialectError, Hosted, Reply
from headstart.dialects.openai import check_cache_fields
from headstart.providers import Emulator, ResourceError, Ticket
from headstart.server.emulate.accounts import account_of
from headstart.server.emulate.diagnostics import diagnostics
from headstart.server.emulate.endpoints import Endpoint
from headstart.server.emulate.journal import Entry, lost
from headstart.server.emulate.resources import resource_error
from headstart.server.emulate.state import State
from headstart.server.emulate.text import Answer
from headstart.usage import Usage

_CHECKED = ("openai", "azure")
"""Whose older models refuse the cache fields of the newer ones."""
_ID_PREFIX = {
    "anthropic": "msg_",
    "openai-chat": "chatcmpl-",
    "openai-responses": "resp_",
    "bedrock-invoke": "msg_bdrk_",
}


class EmulatedRoute:
    """An ASGI app that answers as one provider does at one of its paths."""

    def __init__(self, state: State, endpoint: Endpoint) -> None:
        self._state = state
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = Request(scope, receive)
        hosted = self._endpoint.hosted
        request_id = f"req_{secrets.token_hex(12)}"
        try:
            body = await self._state.read_body(http)
            response = await self._answer(http, body, send)
        except (DialectError, ResourceError) as error:
            told = resource_error(error) if isinstance(error, ResourceError) else error
            status, headers, content = hosted.error(told, request_id)
            response = Response(content, status, headers)
        if response is not None:
            await response(scope, receive, send)

    async def _answer(self, http: Request, body: bytes, send: Send) -> Response | None:
        """A whole response, or None if it was streamed."""
        endpoint = self._endpoint
        call = endpoint.hosted.read(
            body,
            model=http.path_params.get("model"),
            headers=http.headers,
            operation=endpoint.operation,
            stream=endpoint.stream,
        )
        model = self._state.model or call.prompt.model
        provider = self._state.provider_of(endpoint.provider, model)
        emulator = self._state.accounts.emulator(provider, model)
        if provider in _CHECKED:
            rules = self._state.accounts.rules(provider, model)
            check_cache_fields(call, breakpoints=rules.scheme == "breakpoints")
        if endpoint.operation == "count":
            tokens = emulator.chain(call.prompt).tokens
            counted = endpoint.hosted.render_count(Usage(fresh=tokens))
            return Response(counted, media_type="application/json")
        exchange = _Exchange(self._state, endpoint.hosted, provider, emulator, call, http)
        if call.stream:
            await exchange.stream(send)
            return None
        return await exchange.whole()


@dataclass(slots=True)
class _Exchange:
    """A request that was understood, until its answer is out."""

    state: State
    hosted: Hosted
    provider: str
    emulator: Emulator
    call: Call
    http: Request

    async def whole(self) -> Response:
        ticket, entry, answer = self._begin()
        try:
            await asyncio.sleep(self.state.latency(entry.lookup.usage))
        except asyncio.CancelledError:
            self._abort(ticket, entry)
            raise
        reply = self._reply(entry, answer)
        content = self.hosted.render(reply)
        self._began(ticket, entry, answer)
        return Response(content, 200, self._headers(entry, "application/json"))

    async def stream(self, send: Send) -> None:
        ticket, entry, answer = self._begin()
        try:
            await asyncio.sleep(self.state.latency(entry.lookup.usage))
            reply = self._reply(entry, answer)
            frames = self.hosted.render_stream(reply, answer.pieces, self.call)
            headers = self._headers(entry, self.hosted.stream_type)
            raw = [(name.encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": 200, "headers": raw})
            self._began(ticket, entry, answer)
            for frame in frames:
                await send({"type": "http.response.body", "body": frame, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except (asyncio.CancelledError, ClientDisconnect, OSError):
            self._abort(ticket, entry)
            raise

    def _begin(self) -> tuple[Ticket, Entry, Answer]:
        """The request goes out to its provider's cache."""
        account = account_of(self.http.headers, self.http.query_params)
        now = self.state.clock.now()
        chain = self.emulator.chain(self.call.prompt)
        ticket = self.emulator.begin(chain, now, scope=account)
        seed = chain.keys[-1] if chain.keys else b""
        answer = self.state.answers.answer(seed, self.call.max_tokens)
        self.state.journal.count += 1
        ticket.request = f"req_{self.state.journal.count}"
        entry = Entry(
            id=ticket.request,
            number=self.state.journal.count,
            time=now,
            provider=self.provider,
            dialect=self.hosted.name,
            model=self.call.prompt.model,
            account=account,
            stream=self.call.stream,
            prompt=self.call.prompt,
            lookup=ticket.lookup,
            output=len(answer.pieces),
            response_id=f"{_ID_PREFIX.get(self.hosted.name, '')}{secrets.token_hex(12)}",
        )
        self.state.journal.add(entry)
        entry.lost = lost(entry, self.state.journal)
        entry.wasted = self._wasted(entry)
        return ticket, entry, answer

    def _wasted(self, entry: Entry) -> float | None:
        """USD more than if what was lost had been read."""
        cost, usage = entry.lookup.cost, entry.lookup.usage
        if cost is None or not entry.lost:
            return cost and 0.0
        read = min(usage.input, usage.read + entry.lost)
        model = self.state.model or entry.model
        better = self.state.accounts.pricer(self.provider, model).cost(
            Usage(fresh=usage.input - read, read=read)
        )
        return max(0.0, cost - (better or 0.0))

    def _reply(self, entry: Entry, answer: Answer) -> Reply:
        return Reply(
            text=answer.text,
            stop="length" if answer.cut else "stop",
            usage=replace(entry.lookup.usage, output=entry.output),
            model=self.call.prompt.model,
            response_id=entry.response_id,
            created=int(entry.time),
            extra=diagnostics(self.call, entry, self.state.journal),
        )

    def _began(self, ticket: Ticket, entry: Entry, answer: Answer) -> None:
        ticket.first_byte(self.state.clock.now())
        entry.status = "ok"

    def _abort(self, ticket: Ticket, entry: Entry) -> None:
        ticket.abort()
        if entry.status == "open":
            entry.status = "aborted"

    def _headers(self, entry: Entry, content_type: str) -> Mapping[str, str]:
        usage = entry.lookup.usage
        return {
            "content-type": content_type,
            "request-id": entry.id,
            "x-request-id": entry.id,
            "x-headstart-read": f"{usage.read}/{usage.input}",
            "x-headstart-reason": entry.lookup.reason or "",
        }
