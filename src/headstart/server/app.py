"""The HTTP application: routes, error handlers, one middleware."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from headstart.dialects import DialectError
from headstart.engine.contract import Engine
from headstart.server.config import Settings
from headstart.server.errors import ANTHROPIC, OPENAI, on_dialect_error, on_http_exception
from headstart.server.middleware import RequestRecords, Sink
from headstart.server.routes_cache import CacheRoutes
from headstart.server.routes_count import CountRoute
from headstart.server.routes_generate import GenerateRoute
from headstart.server.routes_models import ModelRoutes
from headstart.server.routes_ops import OpsRoutes
from headstart.server.service import Service


def create_app(
    engine: Engine, settings: Settings | None = None, *, sink: Sink | None = None
) -> Starlette:
    """An ASGI app that serves ``engine``; closing the engine stays with the caller. ``sink``
    gets what a ledger keeps of each request that generates."""
    service = Service(engine, settings or Settings())
    models, ops = ModelRoutes(service), OpsRoutes(service)
    return Starlette(
        routes=[
            Route("/v1/messages", GenerateRoute(service, ANTHROPIC), methods=["POST"]),
            Route("/v1/messages/count_tokens", CountRoute(service).answer, methods=["POST"]),
            Route("/v1/chat/completions", GenerateRoute(service, OPENAI), methods=["POST"]),
            Route("/v1/models", models.list),
            Route("/v1/models/{name:path}", models.get),
            Route("/healthz", ops.healthz),
            Route("/metrics", ops.metrics),
            *CacheRoutes(service).routes(),
        ],
        middleware=[Middleware(RequestRecords, metrics=service.metrics, sink=sink)],
        exception_handlers={
            DialectError: on_dialect_error,
            HTTPException: on_http_exception,
        },
    )
