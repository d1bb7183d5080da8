from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from headstart.engine.contract import Engine
from headstart.server import EmbeddedServer, Settings, create_app

Serve = Callable[..., httpx.Client]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve an engine on a real socket; gives a client of it."""
    with ExitStack() as stack:

        def start(engine: Engine, **settings: Any) -> httpx.Client:
            app = create_app(engine, Settings(**settings))
            server = stack.enter_context(EmbeddedServer(app, grace=0))
            return stack.enter_context(httpx.Client(base_url=server.url, timeout=20))

        yield start
