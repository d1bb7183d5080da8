"""``cachedContents``: Gemini's explicit cache objects, on its own paths and on Vertex's."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headstart.dialects import DialectError, ErrorKind, Gemini
from headstart.dialects.gemini import (
    DELETED,
    CachedContent,
    read_cache,
    read_cache_patch,
    render_cache,
    render_caches,
)
from headstart.providers import CacheResources, ResourceError
from headstart.providers.resource_objects import CachedContent as Held
from headstart.server.emulate.accounts import account_of
from headstart.server.emulate.state import State

_GEMINI = Gemini()
_TYPE = "application/json; charset=UTF-8"
_KINDS: dict[int, ErrorKind] = {403: "permission_error", 429: "rate_limit_error"}


class _Asked(NamedTuple):
    """Who asks for which objects."""

    resources: CacheResources
    scope: str
    parent: str
    name: str
    now: float


class _Objects:
    """The routes of one provider."""

    def __init__(self, state: State, provider: str) -> None:
        self._state = state
        self._provider = provider

    async def several(self, http: Request) -> Response:
        """POST creates one, GET lists a page."""
        return await self._told(http, self._create if http.method == "POST" else self._list)

    async def one(self, http: Request) -> Response:
        """GET, PATCH, DELETE."""
        by_method = {"PATCH": self._patch, "DELETE": self._delete}
        return await self._told(http, by_method.get(http.method, self._get))

    async def _told(self, http: Request, answer: Callable[[Request], Awaitable[bytes]]) -> Response:
        """The answer, or the error in Google's shape."""
        try:
            return Response(await answer(http), media_type=_TYPE)
        except ResourceError as error:
            told = resource_error(error)
        except DialectError as error:
            told = error
        status, headers, body = _GEMINI.error(told, f"req_{secrets.token_hex(12)}")
        return Response(body, status, headers)

    def _asked(self, http: Request) -> _Asked:
        place = http.path_params
        parent = ""
        if "project" in place:
            parent = f"projects/{place['project']}/locations/{place['location']}"
        name = "/".join(part for part in (parent, "cachedContents", place.get("id", "")) if part)
        scope = account_of(http.headers, http.query_params)
        resources = self._state.accounts.resources(self._provider)
        return _Asked(resources, scope, parent, name, self._state.clock.now())

    async def _create(self, http: Request) -> bytes:
        wanted = read_cache(await self._state.read_body(http))
        asked = self._asked(http)
        made = asked.resources.create(
            wanted.prompt,
            asked.now,
            scope=asked.scope,
            parent=asked.parent,
            ttl=wanted.expiry.ttl,
            expires=wanted.expiry.at,
            display_name=wanted.display_name,
            model_name=wanted.model_name,
        )
        return render_cache(_shown(made))

    async def _list(self, http: Request) -> bytes:
        asked = self._asked(http)
        size = http.query_params.get("pageSize", "0")
        if not size.isdecimal() or len(size) > 9:
            raise DialectError(
                400, "invalid_request_error", f"Invalid value at 'page_size': {size}"
            )
        token = http.query_params.get("pageToken", "")
        page, following = asked.resources.page(
            asked.now, scope=asked.scope, parent=asked.parent, size=int(size), token=token
        )
        return render_caches([_shown(found) for found in page], following)

    async def _get(self, http: Request) -> bytes:
        asked = self._asked(http)
        return render_cache(_shown(asked.resources.get(asked.name, asked.now, scope=asked.scope)))

    async def _patch(self, http: Request) -> bytes:
        expiry = read_cache_patch(await self._state.read_body(http))
        asked = self._asked(http)
        changed = asked.resources.patch(
            asked.name, asked.now, scope=asked.scope, ttl=expiry.ttl, expires=expiry.at
        )
        return render_cache(_shown(changed))

    async def _delete(self, http: Request) -> bytes:
        asked = self._asked(http)
        asked.resources.delete(asked.name, asked.now, scope=asked.scope)
        return DELETED


def _shown(found: Held) -> CachedContent:
    return CachedContent(
        found.name,
        found.model,
        found.created,
        found.updated,
        found.expires,
        found.tokens,
        found.display_name,
    )


def resource_error(error: ResourceError) -> DialectError:
    """What a client is told of an object that can't be had."""
    kind = _KINDS.get(error.code, "invalid_request_error")
    return DialectError(error.code, kind, error.message)


def resource_routes(state: State) -> list[Route]:
    """The objects' paths, at every version that SDKs ask for."""
    routes = []
    vertex = "/{version}/projects/{project}/locations/{location}"
    for provider, base in (
        *(("gemini", f"/{version}") for version in ("v1", "v1beta", "v1alpha")),
        ("vertex", vertex),
    ):
        objects = _Objects(state, provider)
        path = f"{base}/cachedContents"
        routes.append(Route(path, objects.several, methods=["GET", "POST"]))
        routes.append(Route(f"{path}/{{id}}", objects.one, methods=["GET", "PATCH", "DELETE"]))
    return routes
