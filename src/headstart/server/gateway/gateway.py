"""The gateway as an ASGI app: between clients and their hosted models."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.types import Receive, Scope, Send

from headstart.dialects import DialectError
from headstart.planner import Followers
from headstart.server.gateway import body as bodies
from headstart.server.gateway.accountant import Accountant
from headstart.server.gateway.client import Client
from headstart.server.gateway.credentials import Credentials, Unknown
from headstart.server.gateway.exchange import Exchange
from headstart.server.gateway.explicit import Explicit
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.followers import Line
from headstart.server.gateway.isolation import Isolation
from headstart.server.gateway.keepalive import KeepAlive
from headstart.server.gateway.local import Local
from headstart.server.gateway.metrics import GatewayMetrics
from headstart.server.gateway.passage import Passage
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
        self.credentials = credentials
        self.accountant = accountant
        self.metrics = metrics
        self.faults = faults
        self.keep_alive = keep_alive
        self.explicit = explicit
        self.isolation = isolation
        self.line = Line(Followers(), faults, metrics.waits)
        self.fleets = Fleets(upstreams, faults)
        metrics.registry.register(ReplicaMetrics(self.fleets))
        self._admin = ReplicaAdmin(self.fleets, admin_key)
        self._limit = planned_bytes
        self._client = Client()
        self.signers = {
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
        exchange = Exchange(self._client, self.faults, told.hosted if told else None, receive, send)
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
            tenant = self.credentials.tenant(target.upstream, headers, query)
        except Unknown:
            await exchange.refuse(_NO_KEY)
            return
        await Passage(self, scope, receive, target, told, tenant, exchange).go(body, more, headers)

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


def model_of(body: bytes) -> str | None:
    """The model that a body names, if it is JSON and names one."""
    try:
        return _MODEL.decode(body).model or None
    except (ValueError, RecursionError):
        return None
