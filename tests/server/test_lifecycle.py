from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import httpx
import pytest

from headstart.engine.contract import Delta, Event, Started
from headstart.server import BindError, EmbeddedServer, bind, create_app
from tests.server.scripted import ScriptedEngine, ScriptedTicket, hang
from tests.waiting import wait_until

BODY = {
    "model": "scripted",
    "max_tokens": 8,
    "stream": True,
    "messages": [{"role": "user", "content": "hi"}],
}


def test_a_port_is_free_again_afterwards() -> None:
    app = create_app(ScriptedEngine())
    with EmbeddedServer(app) as server:
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        assert server.alive
    assert not server.alive
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/healthz")
    with EmbeddedServer(app, port=server.port) as again:
        assert httpx.get(f"{again.url}/healthz").status_code == 200


def test_a_taken_port_is_refused() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(BindError, match="address already in use"),
    ):
        bind("127.0.0.1", taken.getsockname()[1])


def test_an_ipv6_address_is_a_valid_url() -> None:
    with EmbeddedServer(create_app(ScriptedEngine()), host="::1") as server:
        assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_drain_refuses_new_clients_and_lets_a_stream_finish() -> None:
    go_on = threading.Event()

    def script(tell: Callable[[Event], None], ticket: ScriptedTicket) -> None:
        tell(Started(1, 0))
        go_on.wait(10)
        hang(Delta("rest"))(tell, ticket)

    engine = ScriptedEngine(script)
    with (
        EmbeddedServer(create_app(engine), grace=0) as server,
        httpx.stream("POST", f"{server.url}/v1/messages", json=BODY, timeout=20) as response,
    ):
        lines = response.iter_lines()
        next(lines)
        server.drain()
        wait_until(lambda: refuses(server.url))
        go_on.set()
        assert any("rest" in line for line in lines)
    assert engine.tickets[0].cancelled.is_set()


def refuses(url: str) -> bool:
    """Nobody listens there."""
    try:
        httpx.get(f"{url}/healthz", timeout=5)
    except httpx.TransportError:
        return True
    return False
