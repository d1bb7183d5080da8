"""One emulated request: read it, look it up, answer it."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headstart.dialects import (
    COMPATIBLE,
    AnthropicHosted,
    BedrockInvoke,
    Call,
    DialectError,
    Hosted,
    OpenAIChat,
    Reply,
)
from headstart.dialects.anthropic import check_system_turns
from headstart.dialects.bedrock.invoke import invoke_headers
from headstart.dialects.openai import check_cache_fields
from headstart.explain import recoverable, wasted
from headstart.providers import Emulator, ResourceError, Ticket
from headstart.server.emulate.accounts import account_of
from headstart.server.emulate.diagnostics import diagnostics
from headstart.server.emulate.endpoints import AUTO, Endpoint
from headstart.server.emulate.journal import Entry
from headstart.server.emulate.resources import resource_error
from headstart.server.emulate.state import State
from headstart.server.emulate.text import Answer
from headstart.usage import Usage

_CHECKED = ("openai", "azure")
"""Whose older models refuse the cache fields of the newer ones."""
_ID_PREFIX = {
    "anthropic": "msg_",
    "openai-responses": "resp_",
    "bedrock-invoke": "msg_bdrk_",
}


class _Named(msgspec.Struct):
    model: str = ""


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
            hosted = self._spoken(body)
            response = await self._answer(http, hosted, body, send)
        except ClientDisconnect:
            return
        except (DialectError, ResourceError) as error:
            told = resource_error(error) if isinstance(error, ResourceError) else error
            status, headers, content = hosted.error(told, request_id)
            response = Response(content, status, headers)
        if response is not None:
            await response(scope, receive, send)

    def _spoken(self, body: bytes) -> Hosted:
        """The path's dialect; at one that many providers share, their own spelling of it."""
        hosted = self._endpoint.hosted
        if self._endpoint.provider != AUTO:
            return hosted
        try:
            named = msgspec.json.decode(body, type=_Named).model
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return hosted  # which says what is wrong with it
        provider = self._state.provider_of(AUTO, self._state.model or named)
        return COMPATIBLE.get(provider, hosted)

    async def _answer(
        self, http: Request, hosted: Hosted, body: bytes, send: Send
    ) -> Response | None:
        """A whole response, or None if it was streamed."""
        endpoint = self._endpoint
        call = hosted.read(
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
            check_cache_fields(
                call,
                breakpoints=rules.scheme == "breakpoints",
                retentions=rules.retentions or None,
            )
        if isinstance(hosted, AnthropicHosted | BedrockInvoke):
            check_system_turns(call.prompt)
        if endpoint.operation == "count":
            tokens = emulator.chain(call.prompt).tokens
            counted = hosted.render_count(Usage(fresh=tokens))
            return Response(counted, media_type="application/json")
        exchange = _Exchange(self._state, hosted, provider, emulator, call, http)
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
            await self._prefill(entry.lookup.usage)
        except (asyncio.CancelledError, ClientDisconnect):
            self._abort(ticket, entry)
            raise
        reply = self._reply(entry, answer)
        content = self.hosted.render(reply)
        self._began(ticket, entry, answer)
        headers = self._headers(entry, "application/json")
        if isinstance(self.hosted, BedrockInvoke):
            headers |= invoke_headers(entry.usage)
        return Response(content, 200, headers)

    async def stream(self, send: Send) -> None:
        ticket, entry, answer = self._begin()
        try:
            await self._prefill(entry.lookup.usage)
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

    async def _prefill(self, usage: Usage) -> None:
        """Wait as long as a model would read; ClientDisconnect if nobody waits any more."""
        seconds = self.state.latency(usage)
        if not seconds:
            return
        try:
            async with asyncio.timeout(seconds):
                while (await self.http.receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return
        raise ClientDisconnect

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
            response_id=f"{_id_prefix(self.hosted)}{secrets.token_hex(12)}",
        )
        self.state.journal.add(entry)
        entry.lost = self._lost(entry)
        price = self.state.accounts.pricer(self.provider, self.state.model or entry.model)
        entry.wasted = wasted(price, entry.lookup.usage, entry.lost)
        return ticket, entry, answer

    def _lost(self, entry: Entry) -> int:
        earlier = self.state.journal.earlier(entry)
        if earlier is None:
            return entry.lookup.lost
        return recoverable(
            self.emulator,
            earlier.prompt,
            entry.prompt,
            entry.lookup,
            entry.time,
            scope=entry.account,
        )

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

    def _headers(self, entry: Entry, content_type: str) -> dict[str, str]:
        usage = entry.lookup.usage
        return {
            "content-type": content_type,
            "request-id": entry.id,
            "x-request-id": entry.id,
            "x-amzn-requestid": entry.id,
            "x-headstart-read": f"{usage.read}/{usage.input}",
            "x-headstart-reason": entry.lookup.reason or "",
        }


def _id_prefix(hosted: Hosted) -> str:
    return "chatcmpl-" if isinstance(hosted, OpenAIChat) else _ID_PREFIX.get(hosted.name, "")
