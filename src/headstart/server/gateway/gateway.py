"""The gateway as an ASGI app: between clients and their hosted models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from multidict import CIMultiDict
from starlette.types import Receive, Scope, Send
from yarl import URL

from headstart.dialects import DialectError
from headstart.planner import Followers
from headstart.server.gateway import body as bodies
from headstart.server.gateway.accountant import Accountant, Case, Ending
from headstart.server.gateway.client import Client
from headstart.server.gateway.credentials import (
    Credentials,
    Unknown,
    dropped_headers,
    without_key,
)
from headstart.server.gateway.exchange import Data, Exchange
from headstart.server.gateway.explicit import Explicit, Turn
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.followers import Line, Place
from headstart.server.gateway.headers import Headers, request_headers
from headstart.server.gateway.isolation import Isolation
from headstart.server.gateway.keepalive import KeepAlive
from headstart.server.gateway.local import Local
from headstart.server.gateway.metrics import GatewayMetrics
from headstart.server.gateway.pings import Sent
from headstart.server.gateway.signing import Signer
from headstart.server.gateway.targets import Spoken, Target, Targets, speech_of, spoken
from headstart.server.replicas import PATH as ADMIN
from headstart.server.replicas import Fleets, ReplicaAdmin, ReplicaMetrics
from headstart.server.shared import SharedState
from headstart.server.upstreams import Upstream

PLANNED_BYTES = 8 << 20
"""A longer body is passed on as it comes: neither planned nor predicted."""
_METRICS_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_NO_KEY = DialectError(401, "authentication_error", "no key of this gateway was sent")
_NOT_APART = DialectError(
    403,
    "permission_error",
    "tenants share this cache, and this request can't be kept apart",
)
_UNSIGNED = DialectError(502, "api_error", "the gateway has no AWS credentials at the moment")
_NO_UPSTREAM = DialectError(404, "not_found_error", "no upstream has this path")


class _Model(msgspec.Struct):
    model: str = ""


_MODEL = msgspec.json.Decoder(_Model)


class GatewayApp:
    """Forwards every path to an upstream; plans and accounts for those that generate."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        credentials: Credentials,
        accountant: Accountant,
        metrics: GatewayMetrics,
        faults: Faults,
        keep_alive: KeepAlive,
        explicit: Explicit,
        isolation: Isolation,
        *,
        planned_bytes: int = PLANNED_BYTES,
        local: Local | None = None,
        admin_key: str | None = None,
        shared: SharedState | None = None,
    ) -> None:
        self.shared = shared
        self._local = local
        self._targets = Targets(upstreams)
        self._credentials = credentials
        self._accountant = accountant
        self.metrics = metrics
        self._faults = faults
        self.keep_alive = keep_alive
        self.explicit = explicit
        self.isolation = isolation
        self.line = Line(Followers(), faults, metrics.waits)
        self.fleets = Fleets(upstreams, faults)
        metrics.registry.register(ReplicaMetrics(self.fleets))
        self._admin = ReplicaAdmin(self.fleets, admin_key)
        self._limit = planned_bytes
        self._client = Client()
        self._signers = {
            name: Signer(upstream) for name, upstream in upstreams.items() if upstream.auth == "aws"
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            own = self._own_path(scope)
            if own is not None:
                await self._own(own, send)
            elif scope["path"] == ADMIN:
                await self._admin(scope, receive, send)
            else:
                self.metrics.running += 1
                try:
                    await self._pass(scope, receive, send)
                finally:
                    self.metrics.running -= 1

    async def close(self) -> None:
        """Send no more pings, delete what was made at the upstreams, and close the connections
        to them."""
        await self.keep_alive.close()
        if self.shared is not None:
            await self.shared.close()
        await self.explicit.close()
        await self.fleets.close()
        await self._client.close()

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["raw_path"].decode("latin-1")
        headers: dict[bytes, bytes] = dict(scope["headers"])
        target = self._targets.named(path)
        told = spoken(target.path if target else path, target.upstream.provider if target else "")
        exchange = Exchange(
            self._client, self._faults, told.hosted if told else None, receive, send
        )
        try:
            body, more = await self._body(scope, headers, told, receive)
        except bodies.Left:
            return
        if target is None and self._local is not None:
            model = (told.model or model_of(body)) if told is not None else None
            if self._local.takes(told, model):
                await self._local.answer(scope, body, more, receive, send)
                return
        if target is None:
            target, told = self._found(path, told, headers, scope["query_string"], body)
        if target is None:
            await exchange.refuse(_NO_UPSTREAM)
            return
        try:
            query = scope["query_string"]
            tenant = self._credentials.tenant(target.upstream, headers, query)
        except Unknown:
            await exchange.refuse(_NO_KEY)
            return
        await _Passage(self, scope, receive, target, told, tenant, exchange).go(body, more, headers)

    async def _body(
        self, scope: Scope, headers: Mapping[bytes, bytes], told: Spoken | None, receive: Receive
    ) -> tuple[bytes, bool]:
        """What is read before the request goes on: of a path that is not planned, nothing
        beyond its first piece."""
        if scope["method"] in ("GET", "HEAD") and b"content-length" not in headers:
            return b"", b"transfer-encoding" in headers
        return await bodies.read(receive, self._limit if told is not None else 0)

    def _found(
        self,
        path: str,
        told: Spoken | None,
        headers: Mapping[bytes, bytes],
        query: bytes,
        body: bytes,
    ) -> tuple[Target | None, Spoken | None]:
        """The upstream of a path that names none."""
        speech = told.speech if told is not None else speech_of(headers, query)
        model = told.model if told is not None else None
        if told is not None and model is None and self._targets.needs_model(speech):
            model = model_of(body)
        target = self._targets.by_dialect(speech, path, model)
        if target is not None and told is not None:
            told = spoken(path, target.upstream.provider)
        return target, told

    def _own_path(self, scope: Scope) -> str | None:
        """``/healthz`` or ``/metrics``, which an engine beside us has for itself."""
        path: str = scope["path"]
        if scope["method"] != "GET":
            return None
        if path == "/_headstart/gateway/metrics":
            return "/metrics"
        return path if self._local is None and path in ("/healthz", "/metrics") else None

    async def _own(self, path: str, send: Send) -> None:
        if path == "/metrics":
            kind, content = _METRICS_TYPE, self.metrics.exposition()
        else:
            kind, content = b"application/json", b'{"status":"ok"}'
        headers = [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.close()
            else:
                self.explicit.start()
                if self.shared is not None:
                    self.shared.start()
                self.fleets.start()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


class _Passage:
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
        self._gateway._credentials.apply(self._target.name, upstream, headers)
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
        signer = self._gateway._signers.get(self._target.name)
        try:
            if self._mixed():
                await exchange.refuse(_NOT_APART)
                return
            if signer is not None and not self._signed(signer, method, url, body):
                await exchange.refuse(_UNSIGNED)
                return
            await exchange.run(method, url, headers, data, upstream, watched=not more)
        finally:
            loop.call_soon(self._close)

    def _signed(self, signer: Signer, method: str, url: URL, body: bytes) -> bool:
        """Whether it could be: credentials that have to be renewed may not be had."""
        try:
            signer.sign(method, url, self._headers, body)
        except Exception as error:
            self._gateway._faults.note("sign", error)
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
        self._case, body = self._gateway._accountant.open(
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
                self._gateway._accountant.held(self._case, waited)

    def _begun(self, good: bool) -> None:
        if self._place is None or self._case is None:
            return
        if not good:
            self._place.end()
        elif self._place.began():
            self._gateway._accountant.readable(self._case)

    def _header(self) -> str | None:
        return self._case.header if self._case is not None else None

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
                self._gateway._faults.note("route", error)
        if self._case is None:
            return
        ending = Ending(exchange.status, exchange.whole, facts, exchange.ttft, exchange.latency)
        gateway = self._gateway
        wake = gateway._accountant.close(self._case, ending)
        if self._turn is not None:
            url = self._url(self._target.upstream)
            gateway.explicit.answered(self._turn, ending, url, self._headers)
        if self._case.sent is not None and self._told is not None:
            url, signer = self._url(self._target.upstream), gateway._signers.get(self._target.name)
            sent = Sent(self._told.hosted, url, self._headers, signer)
            gateway.keep_alive.answered(self._case, exchange.status, wake, sent)


def model_of(body: bytes) -> str | None:
    """The model that a body names, if it is JSON and names one."""
    try:
        return _MODEL.decode(body).model or None
    except (ValueError, RecursionError):
        return None
