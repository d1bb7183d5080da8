"""The HTTP client to the upstreams: what it reuses, and that it repeats nothing."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
import uvloop

from headstart.server.gateway.client import Client, timeout_of
from headstart.server.upstreams import Upstream
from tests.server.gateway.raw import RawUpstream, resetting, response, sending
from tests.waiting import HANGS

UPSTREAM = Upstream(base_url="http://x", provider="openai", connect_timeout=3, read_timeout=4)
Runner = Callable[[Awaitable[None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Runner:
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    def runner(work: Awaitable[None]) -> None:
        with asyncio.Runner(loop_factory=factory) as loop:
            loop.run(work)  # type: ignore[arg-type]

    return runner


async def ask(client: Client, url: str, method: str = "POST") -> bytes:
    async with client.session().request(
        method, url, data=b"{}", timeout=timeout_of(UPSTREAM)
    ) as got:
        return await got.read()


class Idle:
    """Answers, and does something with the connection once that has been read."""

    def __init__(self, then: Callable[[socket.socket], None]) -> None:
        self._then = then
        self._read, self._done = threading.Event(), threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(response(b"{}"))
        if not self._done.is_set():
            assert self._read.wait(HANGS)
            self._then(connection)
            self._done.set()

    def happen(self) -> None:
        """Blocks whoever calls: in an event loop nothing is seen of it."""
        self._read.set()
        assert self._done.wait(HANGS)


def test_a_connection_is_reused(run: Runner, raw: RawUpstream) -> None:
    async def work() -> None:
        client = Client()
        for _ in range(3):
            assert await ask(client, raw.url) == b"{}"
        await client.close()

    run(work())
    assert (len(raw.bodies), raw.connections) == (3, 1)


def test_one_that_was_closed_unseen_is_not(run: Runner, raw: RawUpstream) -> None:
    """The event loop is busy while the upstream closes, and sends before it looks."""
    raw.answer = idle = Idle(lambda connection: connection.shutdown(socket.SHUT_RDWR))

    async def work() -> None:
        client = Client()
        assert await ask(client, raw.url) == b"{}"
        idle.happen()
        assert await ask(client, raw.url) == b"{}"
        await client.close()

    run(work())
    assert (len(raw.bodies), raw.connections) == (2, 2)


def test_nor_one_on_which_something_was_said(run: Runner, raw: RawUpstream) -> None:
    late = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"
    raw.answer = idle = Idle(lambda connection: connection.sendall(late))

    async def work() -> None:
        client = Client()
        assert await ask(client, raw.url) == b"{}"
        idle.happen()
        raw.answer = sending(response(b"[]"))
        assert await ask(client, raw.url) == b"[]"
        await client.close()

    run(work())
    assert len(raw.bodies) == 2


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_what_was_sent_is_never_sent_again(run: Runner, raw: RawUpstream, method: str) -> None:
    async def work() -> None:
        client = Client()
        await ask(client, raw.url)
        raw.answer = resetting(b"")
        with pytest.raises(aiohttp.ClientError):
            await ask(client, raw.url, method)
        await client.close()

    run(work())
    assert len(raw.bodies) == 2


def test_timeouts_are_an_upstreams_own() -> None:
    found = timeout_of(UPSTREAM)
    assert (found.total, found.sock_connect, found.sock_read) == (None, 3, 4)
