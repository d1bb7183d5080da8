"""A real HTTP server that says what a test tells it to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from tests.dialects.wire import Wire


@pytest.fixture
def wire() -> Iterator[Wire]:
    """The server on a free port, its URL in ``wire.url``."""
    wire = Wire()
    routes = [
        Route("/v1/messages", wire.messages, methods=["POST"]),
        Route("/v1/messages/count_tokens", wire.count_tokens, methods=["POST"]),
        Route("/v1/chat/completions", wire.completions, methods=["POST"]),
    ]
    config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.005)
    wire.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield wire
    server.should_exit = True
    thread.join(timeout=10)
