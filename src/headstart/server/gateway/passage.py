"""One request whose upstream is known, from its plan to its record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from multidict import CIMultiDict
from starlette.types import Receive, Scope
from yarl import URL

from headstart.dialects import DialectError
from headstart.server.gateway import body as bodies
from headstart.server.gateway.case import Case, Ending
from headstart.server.gateway.credentials import dropped_headers, without_key
from headstart.server.gateway.exchange import Data, Exchange
from headstart.server.gateway.explicit import Turn
from headstart.server.gateway.followers import Place
from headstart.server.gateway.headers import Headers, request_headers
from headstart.server.gateway.pings import Sent
from headstart.server.gateway.signing import Signer
from headstart.server.gateway.targets import Spoken, Target
from headstart.server.upstreams import Upstream

if TYPE_CHECKING:
    from headstart.server.gateway.gateway import GatewayApp

_NOT_APART = DialectError(
    403,
    "permission_error",
    "tenants share this cache, and this request can't be kept apart",
)
_UNSIGNED = DialectError(502, "api_error", "the gateway has no AWS credentials at the moment")


class Passage:
    """One request whose upstream is known."""

    __slots__ = (
        "_case",
        "_exchange",
        "_gateway",
        "_headers",
        "_place",
        "_receive",
        "_scope",
        "_target",
        "_tenant",
        "_told",
        "_turn",
    )

    def __init__(
        self,
        gateway: GatewayApp,
        scope: Scope,
        receive: Receive,
        target: Target,
        told: Spoken | None,
        tenant: str,
        exchange: Exchange,
    ) -> None:
        self._gateway = gateway
        self._scope = scope
        self._receive = receive
        self._target = target
        self._told = told
        self._tenant = tenant
        self._exchange = exchange
        self._case: Case | None = None
        self._place: Place | None = None
        self._turn: Turn | None = None

    async def go(self, body: bytes, more: bool, given: Mapping[bytes, bytes]) -> None:
        """Send it on and see it through."""
        exchange, upstream = self._exchange, self._target.upstream
        told = self._told
        loop = asyncio.get_running_loop()
        mode = upstream.mode
        counted = told is not None and told.operation == "generate" and mode != "off" and not more
        if counted and mode == "observe" and not upstream.replicas:
            # Nothing is changed: what is learned can wait until the request is on its way.
            loop.call_soon(self._open, body)
        elif counted:
            body = self._open(body)
            if upstream.explicit_caches:
                body = self._continued(body)
            if upstream.followers and self._case is not None and exchange.again is None:
                exchange.before, exchange.begun = self._wait, self._begun
        exchange.header = self._header
        headers = request_headers(self._scope["headers"], dropped_headers(upstream))
        self._gateway.credentials.apply(self._target.name, upstream, headers)
        if self._case is not None and self._case.routing is not None:
            headers.setdefault(*self._case.routing)
        data: Data = body or None
        if more:
            data = bodies.rest(body, self._receive, exchange.watch)
            if b"content-length" in given:
                headers["content-length"] = given[b"content-length"].decode("latin-1")
        self._headers = headers
        method, url = self._scope["method"], self._url(upstream)
        if upstream.replicas:
            self._route(headers, body, whole=not more)
        signer = self._gateway.signers.get(self._target.name)
        try:
            if self._mixed():
                await exchange.refuse(_NOT_APART)
                return
            if signer is not None and not self._signed(signer, method, url, body):
                await exchange.refuse(_UNSIGNED)
                return
            await exchange.run(method, url, headers, data, upstream, watched=not more)
        finally:
            loop.call_soon(self._over)

    def _signed(self, signer: Signer, method: str, url: URL, body: bytes) -> bool:
        """Whether it could be: credentials that have to be renewed may not be had."""
        try:
            signer.sign(method, url, self._headers, body)
        except Exception as error:
            self._gateway.faults.note("sign", error)
            return False
        return True

    def _route(self, headers: CIMultiDict[str], body: bytes, *, whole: bool) -> None:
        """Let the replicas say where it goes."""
        self._exchange.route = self._gateway.fleets.route(
            self._target.name,
            self._case.chain if self._case is not None else None,
            headers,
            self._url,
            path=self._target.path,
            body=body,
            whole=whole,
        )

    def _mixed(self) -> bool:
        """Whether its prompt would stand where other tenants read, and must not."""
        generates = self._told is not None and self._told.operation == "generate"
        if not (generates and self._gateway.isolation.strict(self._target.name)):
            return False
        return self._case is None or not self._case.apart

    def _url(self, upstream: Upstream) -> URL:
        query: bytes = self._scope["query_string"]
        if not upstream.isolated and b"key=" in query:
            query = without_key(query)
        text = upstream.base_url.rstrip("/") + self._target.path
        return URL(f"{text}?{query.decode('latin-1')}" if query else text, encoded=True)

    def _open(self, body: bytes) -> bytes:
        assert self._told is not None
        headers = Headers(self._scope["headers"])
        self._case, body = self._gateway.accountant.open(
            self._target, self._told, self._tenant, body, headers
        )
        return body

    def _continued(self, body: bytes) -> bytes:
        """The body to send where a cache object may stand for a part of it."""
        if self._case is None or self._told is None:
            return body
        headers, query = dict(self._scope["headers"]), self._scope["query_string"]
        self._turn = self._gateway.explicit.begin(self._case, self._told, body, headers, query)
        if self._turn is None:
            return body
        self._exchange.again = self._turn.again
        return self._turn.out

    async def _wait(self) -> None:
        """Let another request go first, if that one writes what this one could read."""
        assert self._case is not None
        self._place = self._gateway.line.join(self._case)
        if self._place is not None:
            since = self._exchange.elapsed
            try:
                waited = await self._place.wait()
            except asyncio.CancelledError:
                self._case.waited = self._exchange.elapsed - since
                raise
            if waited:
                self._gateway.accountant.held(self._case, waited)

    def _begun(self, good: bool) -> None:
        if self._place is None or self._case is None:
            return
        if not good:
            self._place.end()
        elif self._place.began():
            self._gateway.accountant.readable(self._case)

    def _header(self) -> str | None:
        return self._case.header if self._case is not None else None

    def _over(self) -> None:
        try:
            self._close()
        finally:
            # The exchange holds methods of this request, and so its body: they would wait for
            # a collection of garbage, which is rare here.
            self._exchange.forget()

    def _close(self) -> None:
        exchange = self._exchange
        self._gateway.metrics.answered(self._target.name, exchange.status)
        if self._place is not None:
            self._place.end()
        facts = exchange.facts()
        if exchange.route is not None:
            try:
                exchange.route.over(exchange.status, exchange.whole, facts.usage)
            except Exception as error:
                self._gateway.faults.note("route", error)
        if self._case is None:
            return
        ending = Ending(exchange.status, exchange.whole, facts, exchange.ttft, exchange.latency)
        gateway = self._gateway
        wake = gateway.accountant.close(self._case, ending)
        if self._turn is not None:
            url = self._url(self._target.upstream)
            gateway.explicit.answered(self._turn, ending, url, self._headers)
        if self._case.sent is not None and self._told is not None:
            url, signer = self._url(self._target.upstream), gateway.signers.get(self._target.name)
            sent = Sent(self._told.hosted, url, self._headers, signer)
            gateway.keep_alive.answered(self._case, exchange.status, wake, sent)
