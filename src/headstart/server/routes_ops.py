"""``GET /healthz`` and ``GET /metrics``: for machines, open to all, free of anybody's data."""

from __future__ import annotations

import asyncio

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from headstart.server.service import Service


class OpsRoutes:
    """Is it up, and how is it doing."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def healthz(self, request: Request) -> Response:
        """200 as long as the server takes requests."""
        body = {"status": "ok", "model": self._service.engine.info.id}
        return Response(msgspec.json.encode(body), media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text format."""
        body = await asyncio.to_thread(self._service.metrics.exposition)
        return Response(body, headers={"content-type": CONTENT_TYPE_LATEST})
