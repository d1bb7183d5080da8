"""Requests about cache objects, over connections of their own."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import aiohttp

from headstart.dialects.gemini.prefixes import extension
from headstart.server.gateway.client import Client, timeout_of
from headstart.server.gateway.explicit.site import Site
from headstart.server.gateway.pings import retry_after

LONGEST: Final = 120.0
"""Seconds after which one is given up."""
GONE: Final = frozenset({403, 404})
"""There is no such object, or it is another's."""
_MOST: Final = 1 << 20
"""Bytes of an answer."""


class Answer(NamedTuple):
    """What became of one."""

    status: int
    """0: no answer came, and what was done is not known."""
    body: bytes = b""
    retry_after: float | None = None

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class Calls:
    """No fault of an upstream's leaves it."""

    def __init__(self) -> None:
        self._client = Client()

    async def create(self, site: Site, path: str, body: bytes) -> Answer:
        """``path`` is the collection's."""
        return await self._ask("POST", site, path, body)

    async def extend(self, site: Site, path: str, seconds: int) -> Answer:
        """Let it live so long from now."""
        return await self._ask("PATCH", site, path, extension(seconds))

    async def delete(self, site: Site, path: str) -> Answer:
        """403: there is none, or it is another's."""
        return await self._ask("DELETE", site, path, b"")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _ask(self, method: str, site: Site, path: str, body: bytes) -> Answer:
        request = self._client.session().request(
            method,
            site.url(path),
            headers=site.headers,
            data=body or None,
            allow_redirects=False,
            timeout=timeout_of(site.upstream),
        )
        try:
            async with asyncio.timeout(LONGEST), request as response:
                read = await response.content.read(_MOST)
                while not response.content.at_eof() and len(read) < _MOST:
                    read += await response.content.read(_MOST)
                wait = retry_after(response.headers.get("retry-after"))
                return Answer(response.status, read, wait)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return Answer(0)
