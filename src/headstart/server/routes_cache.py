"""``/_headstart/cache/...``: the operator's API, in JSON, behind a key of its own."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from headstart.dialects import DialectError
from headstart.server.auth import credential_of
from headstart.server.record import record_of
from headstart.server.service import Service
from headstart.server.warm import Options, Warmed, Warmer, WarmError

if TYPE_CHECKING:
    from headstart.kv.admin import CacheAdmin

PATH = "/_headstart/cache"
Handler = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")


class Refused(Exception):
    """An answer other than 200; ``field`` names what was wrong with the request."""

    def __init__(self, status: int, kind: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.field = field

    def response(self) -> Response:
        """``{"error": {"type", "message", "field"}}``."""
        error = {"type": self.kind, "message": str(self), "field": self.field}
        return _json({"error": error}, self.status)


class ById(msgspec.Struct, forbid_unknown_fields=True):
    """Which prefix: its id, or the first 8 or more digits of it."""

    id: str


class ByTenant(msgspec.Struct, forbid_unknown_fields=True):
    """Which tenant."""

    tenant: str


class Evict(msgspec.Struct, forbid_unknown_fields=True):
    """One prefix; or all of a tenant, of a model, or of both."""

    id: str | None = None
    tenant: str | None = None
    model: str | None = None


class Warm(msgspec.Struct, forbid_unknown_fields=True):
    """Prompts, and the options of those that have none of their own."""

    prompts: list[Any]
    tenant: str | None = None
    shared: bool = False
    pin: bool = False
    ttl: float | None = None


class CacheRoutes:
    """List, show, pin, unpin, evict, forget, warm, stats."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._warmer = Warmer(service)
        key = service.settings.admin_key
        self._digest = _digest(key.get_secret_value().strip()) if key else None

    def routes(self) -> list[Route]:
        """All of them, behind the key."""
        get = {
            "/entries": self._list,
            "/entries/{id}": self._show,
            "/stats": self._stats,
        }
        post = {
            "/pin": self._pin,
            "/unpin": self._unpin,
            "/evict": self._evict,
            "/forget": self._forget,
            "/warm": self._warm,
        }
        return [
            *(Route(PATH + path, self._guarded(to), methods=["GET"]) for path, to in get.items()),
            *(Route(PATH + path, self._guarded(to), methods=["POST"]) for path, to in post.items()),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def endpoint(http: Request) -> Response:
            record_of(http).dialect = "admin"
            try:
                self._authenticate(http)
                return await handler(http)
            except Refused as refused:
                return refused.response()
            except DialectError as error:
                return Refused(error.status, error.kind, error.message).response()

        return endpoint

    def _authenticate(self, http: Request) -> None:
        if self._digest is None:
            raise Refused(403, "permission_error", "the admin API is off: serve has no admin key")
        given = _digest(credential_of(http.headers) or "")
        if not hmac.compare_digest(given, self._digest):
            raise Refused(401, "authentication_error", "invalid or missing admin key")

    async def _list(self, http: Request) -> Response:
        """``?tenant=`` and ``?model=`` narrow it."""
        tenant, model = (http.query_params.get(name, "") for name in ("tenant", "model"))
        entries = await self._ask(lambda admin: admin.entries(tenant, model))
        return _json({"entries": entries})

    async def _show(self, http: Request) -> Response:
        id = http.path_params["id"]
        return _json(await self._ask(lambda admin: admin.show(id)))

    async def _stats(self, http: Request) -> Response:
        return _json(await self._ask(lambda admin: admin.stats()))

    async def _pin(self, http: Request) -> Response:
        id = (await self._body(http, ById)).id
        return _json(await self._ask(lambda admin: admin.pin(id)))

    async def _unpin(self, http: Request) -> Response:
        id = (await self._body(http, ById)).id
        return _json(await self._ask(lambda admin: admin.unpin(id)))

    async def _evict(self, http: Request) -> Response:
        which = await self._body(http, Evict)
        if which.id:
            if which.tenant or which.model:
                raise _bad("id stands alone", "id")
            id = which.id
            return _json(await self._ask(lambda admin: admin.evict(id)))
        tenant, model = which.tenant or "", which.model or ""
        if not tenant and not model:
            raise _bad("give id, tenant or model", "id")
        return _json(await self._ask(lambda admin: admin.evict_all(tenant, model)))

    async def _forget(self, http: Request) -> Response:
        tenant = (await self._body(http, ByTenant)).tenant
        return _json(await self._ask(lambda admin: admin.forget(tenant)))

    async def _warm(self, http: Request) -> Response:
        """One JSON line a prompt as it is done, and one with the totals."""
        body = await self._body(http, Warm)
        options = Options(body.tenant, body.shared, body.pin, body.ttl)
        try:
            self._warmer.check(options)
        except WarmError as error:
            raise _bad(str(error), error.field) from None
        outcomes = self._warmer.run(enumerate(body.prompts, start=1), options)
        return StreamingResponse(_lines(outcomes), media_type="application/x-ndjson")

    async def _body(self, http: Request, kind: type[T]) -> T:
        data = await self._service.read_body(http)
        try:
            return await asyncio.to_thread(msgspec.json.decode, data or b"{}", type=kind)
        except msgspec.DecodeError as error:  # ValidationError is one: it names the field
            raise _bad(str(error), _field_in(str(error))) from None

    async def _ask(self, question: Callable[[CacheAdmin], T]) -> T:
        admin = self._service.engine.admin
        if admin is None:
            raise Refused(404, "not_found_error", "this engine has no cache to administer")
        return await asyncio.to_thread(_answer, question, admin)


def _answer(question: Callable[[CacheAdmin], T], admin: CacheAdmin) -> T:
    # Imported here: a server without a model has no numpy, and then no admin either.
    from headstart.kv.admin import UnknownTenant
    from headstart.kv.inventory import AmbiguousId, UnknownPrefix
    from headstart.kv.tiers.contract import PinBudgetExceeded

    try:
        return question(admin)
    except UnknownPrefix as error:
        raise Refused(404, "not_found_error", str(error), "id") from None
    except UnknownTenant as error:
        raise Refused(404, "not_found_error", str(error), "tenant") from None
    except AmbiguousId as error:
        raise _bad(str(error), "id") from None
    except PinBudgetExceeded as error:
        raise Refused(507, "pin_budget_exceeded", str(error)) from None


async def _lines(outcomes: Iterator[Warmed]) -> AsyncIterator[bytes]:
    warmed = failed = tokens = read = 0
    while (outcome := await asyncio.to_thread(next, outcomes, None)) is not None:
        warmed += outcome.error is None
        failed += outcome.error is not None
        tokens += outcome.tokens
        read += outcome.read
        yield msgspec.json.encode(outcome) + b"\n"
    total = {"done": True, "warmed": warmed, "failed": failed, "tokens": tokens, "read": read}
    yield msgspec.json.encode(total) + b"\n"


def _bad(message: str, field: str | None) -> Refused:
    return Refused(400, "invalid_request_error", message, field)


def _field_in(message: str) -> str | None:
    """The field that msgspec's message names: at the end of a path, or in backquotes."""
    path = message.rpartition(" - at `$.")[2] if " - at `$." in message else ""
    if path:
        return path.rstrip("`")
    return message.split("`")[1] if "field `" in message else None


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
