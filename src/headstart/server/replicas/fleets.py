"""All routes of a gateway that have replicas, by the upstreams' names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING

from headstart.planner.affinity import Asked
from headstart.server.replicas.fleet import Fleet
from headstart.server.replicas.route import Route

if TYPE_CHECKING:
    from multidict import CIMultiDict
    from yarl import URL

    from headstart.prompt import Chain
    from headstart.server.gateway.faults import Faults
    from headstart.server.upstreams import Upstream

_ROOT_BYTES = 8
_BYTES_A_TOKEN = 4


class Fleets:
    """Starts with the first request, or with ``start``."""

    def __init__(self, upstreams: Mapping[str, Upstream], faults: Faults) -> None:
        self._fleets = {
            name: Fleet(name, upstream, faults)
            for name, upstream in upstreams.items()
            if upstream.replicas
        }

    def __iter__(self) -> Iterator[Fleet]:
        return iter(self._fleets.values())

    def __contains__(self, name: object) -> bool:
        return name in self._fleets

    def __getitem__(self, name: str) -> Fleet:
        """KeyError for a route without replicas."""
        return self._fleets[name]

    def start(self) -> None:
        """Begin to watch all replicas, in the loop that runs."""
        for fleet in self._fleets.values():
            fleet.start()

    async def close(self) -> None:
        """End that."""
        await asyncio.gather(*(fleet.close() for fleet in self._fleets.values()))

    def route(
        self,
        name: str,
        chain: Chain | None,
        headers: CIMultiDict[str],
        url_of: Callable[[Upstream], URL],
        *,
        path: str,
        body: bytes,
        whole: bool,
    ) -> Route:
        """The way of a request whose prompt was read (``chain``), or was not. KeyError."""
        fleet = self._fleets[name]
        fleet.start()
        if chain is None or not chain.keys:
            asked = Asked(b"", (), len(body) // _BYTES_A_TOKEN, b"")
            return Route(fleet, asked, headers, url_of, repeatable=whole)
        salt = chain.controls.salt
        return Route(
            fleet,
            asked_of(chain),
            headers,
            url_of,
            salt=salt,
            path=path,
            body=body,
            repeatable=whole,
        )


def asked_of(chain: Chain) -> Asked:
    """A prompt as routing sees it. Requests of another ``cache_salt`` share nothing with it,
    and so begin with another symbol."""
    cuts = chain.cuts
    symbols, ends = cuts.symbols, cuts.ends
    family = chain.plain[max(0, chain.system - 1)]
    if chain.controls.salt is not None:
        salt = chain.controls.salt.encode("utf-8", "surrogatepass")
        symbols = blake2b(salt, digest_size=_ROOT_BYTES).digest() + symbols
        ends = (0, *ends)
    return Asked(symbols, ends, chain.tokens, family)
