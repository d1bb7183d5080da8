"""``GET /v1/models``, in the shape of the SDK that asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headstart.server.errors import ANTHROPIC, dialect_of
from headstart.server.service import Service


class ModelRoutes:
    """Lists the names the one model answers to."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def list(self, request: Request) -> Response:
        """All names, the model's own first."""
        self._service.authenticate(request)
        names = self._service.names
        entries = [self._entry(request, name) for name in names]
        if dialect_of(request) is ANTHROPIC:
            page = {"has_more": False, "first_id": names[0], "last_id": names[-1]}
            return _json({"data": entries, **page})
        return _json({"object": "list", "data": entries})

    async def get(self, request: Request) -> Response:
        """One of them; 404 for any other."""
        self._service.authenticate(request)
        name = request.path_params["name"]
        self._service.check_model(name)
        return _json(self._entry(request, name))

    def _entry(self, request: Request, name: str) -> dict[str, Any]:
        info = self._service.engine.info
        if dialect_of(request) is ANTHROPIC:
            created = datetime.fromtimestamp(info.created, UTC)
            return {
                "type": "model",
                "id": name,
                "display_name": info.id,
                "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "lifecycle": "active",
                "max_input_tokens": info.context,
                "max_tokens": info.context,
            }
        return {
            "id": name,
            "object": "model",
            "created": info.created,
            "owned_by": "headstart",
            "max_model_len": info.context,
        }


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
