"""The HTTP client to the upstreams: one for each event loop, opened by its first request."""

from __future__ import annotations

import asyncio
import select
from functools import lru_cache
from typing import Any, Final
from weakref import WeakSet

import aiohttp
from aiohttp.connector import Connection

from headstart.server.upstreams import Upstream

_FIELD = 64 << 10
"""Bytes of a response's header line at most."""


IDLE: Final = 15.0
"""Seconds that an idle connection is kept: less than providers keep theirs, of which the
shortest known are a minute's."""


class Connector(aiohttp.TCPConnector):
    """Uses no idle connection that the other side has closed, or said something on.

    The event loop may not have come to reading that yet. What is still on its way cannot be
    seen: a request sent then gets no answer, and whether it was processed nobody knows.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._seen: WeakSet[object] = WeakSet()

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol not in self._seen:
                self._seen.add(protocol)
                return connection
            if protocol is not None and _silent(protocol.transport):
                return connection
            connection.close()


def _silent(transport: asyncio.BaseTransport | None) -> bool:
    """Whether there is nothing to be read; the end of a stream would be."""
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is None or sock.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return not poll.poll(0)


class Client:
    """Sends requests as they are: nothing is added, decompressed, followed or repeated."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        """The session, in the loop that runs."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=Connector(limit=0, ttl_dns_cache=60, keepalive_timeout=IDLE),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
                max_line_size=_FIELD,
                max_field_size=_FIELD,
            )
            # It repeats a GET whose connection broke; whether to is the caller's to say.
            self._session._retry_connection = False
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def timeout_of(upstream: Upstream) -> aiohttp.ClientTimeout:
    """To connect, and between two reads; no limit to a whole response."""
    return _timeout(upstream.connect_timeout, upstream.read_timeout)


@lru_cache(maxsize=64)
def _timeout(connect: float, read: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read)
