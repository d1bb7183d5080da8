"""``/_headstart/replicas``: who there is, and draining, adding and removing. For operators.

``GET`` lists all. ``POST`` takes ``{"upstream": ..., "action": "drain" | "resume" | "remove",
"replica": NAME}`` or ``{"upstream": ..., "action": "add", "table": {"url": ..., ...}}``, and
answers with that replica. What is changed here is not written to the configuration.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headstart.server.auth import credential_of
from headstart.server.config import ConfigError
from headstart.server.replica_tables import ReplicaTable

if TYPE_CHECKING:
    from headstart.server.replicas.fleets import Fleets

PATH = "/_headstart/replicas"
_MOST = 64 << 10


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """What to do."""

    upstream: str
    action: Literal["drain", "resume", "remove", "add"]
    replica: str | None = None
    table: dict[str, Any] | None = None


_CHANGE = msgspec.json.Decoder(Change)


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ReplicaAdmin:
    """An ASGI app for one path, behind the operator's key."""

    def __init__(self, fleets: Fleets, key: str | None) -> None:
        self._fleets = fleets
        self._digest = _digest(key.strip()) if key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            self._authenticate(request)
            answer = await self._answer(request)
            response = _json(answer, 200)
        except _Refused as refused:
            response = _json({"error": {"message": str(refused)}}, refused.status)
        await response(scope, receive, send)

    def _authenticate(self, request: Request) -> None:
        if self._digest is None:
            raise _Refused(403, "the admin API is off: the gateway has no admin key")
        given = _digest(credential_of(request.headers) or "")
        if not hmac.compare_digest(given, self._digest):
            raise _Refused(401, "invalid or missing admin key")

    async def _answer(self, request: Request) -> object:
        if request.method == "GET":
            rows = [
                {"upstream": fleet.name, **member.row()}
                for fleet in self._fleets
                for member in fleet.members.values()
            ]
            return {"replicas": rows}
        if request.method != "POST":
            raise _Refused(405, "GET or POST")
        return await self._change(await _body(request))

    async def _change(self, body: bytes) -> object:
        try:
            change = _CHANGE.decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _Refused(400, f"not a change: {error}") from None
        if change.upstream not in self._fleets:
            raise _Refused(404, "no upstream of that name has replicas")
        fleet = self._fleets[change.upstream]
        if change.action == "add":
            return await self._add(change)
        member = fleet.members.get(change.replica or "")
        if member is None:
            raise _Refused(404, f"{fleet.name} has no such replica")
        if change.action == "remove":
            if len(fleet.members) == 1:
                raise _Refused(409, "the last replica of a route stays")
            row = member.row()
            await fleet.remove(member.name)
            return {**row, "state": "removed"}
        member.drain(change.action == "drain")
        return member.row()

    async def _add(self, change: Change) -> object:
        try:
            table = ReplicaTable.model_validate(change.table or {})
            member = await self._fleets[change.upstream].add(table)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise _Refused(400, f"table.{where}: {first['msg']}") from None
        except (ValueError, ConfigError) as error:
            raise _Refused(409, str(error)) from None
        return member.row()


async def _body(request: Request) -> bytes:
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > _MOST:
            raise _Refused(413, f"more than {_MOST} bytes")
    return bytes(found)


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()


def _json(value: object, status: int) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
