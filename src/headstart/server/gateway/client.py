"""The HTTP client to the upstreams: one for each event loop, opened by its first request."""

from __future__ import annotations

from functools import lru_cache

import aiohttp

from headstart.server.upstreams import Upstream

_FIELD = 64 << 10
"""Bytes of a response's header line at most."""


class Client:
    """Sends requests as they are: nothing is added, decompressed, followed or repeated."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        """The session, in the loop that runs."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
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
