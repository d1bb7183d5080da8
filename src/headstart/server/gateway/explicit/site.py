"""Where one client's cache objects are: paths below its upstream, and the headers to go there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from multidict import CIMultiDict
from yarl import URL

from headstart.server.upstreams import Upstream

_GEMINI = re.compile(r"/(v1(?:beta|alpha)?)/models/([A-Za-z0-9._-]+):[A-Za-z]+")
_VERTEX = re.compile(
    r"/(v1[a-z0-9]*)/(projects/[A-Za-z0-9._:-]+/locations/[a-z0-9-]+)"
    r"/publishers/google/models/([A-Za-z0-9._-]+):[A-Za-z]+"
)
_LEFT_OUT: Final = (
    *("content-length", "content-type", "accept", "accept-encoding", "content-encoding"),
    *("idempotency-key", "x-idempotency-key"),
)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Place:
    """Of a path that generates."""

    version: str
    parent: str
    """``projects/P/locations/L`` on Vertex, else empty."""
    model: str
    """As a body names it."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Site:
    """An upstream as one client reaches it. Its headers, or its query, hold a credential:
    never to be written anywhere."""

    upstream: Upstream
    query: str
    headers: CIMultiDict[str]

    def url(self, path: str) -> URL:
        """``path`` begins with the version."""
        text = f"{self.upstream.base_url.rstrip('/')}/{path}"
        return URL(f"{text}?{self.query}" if self.query else text, encoded=True)


def place_of(path: str) -> Place | None:
    """None for a path that is in no known form."""
    path = unquote(path)
    if (found := _GEMINI.fullmatch(path)) is not None:
        return Place(found[1], "", f"models/{found[2]}")
    if (found := _VERTEX.fullmatch(path)) is not None:
        model = f"{found[2]}/publishers/google/models/{found[3]}"
        return Place(found[1], found[2], model)
    return None


def collection(place: Place) -> str:
    """Path of the objects, below the base URL."""
    middle = f"{place.parent}/" if place.parent else ""
    return f"{place.version}/{middle}cachedContents"


def site_of(upstream: Upstream, url: URL, headers: CIMultiDict[str]) -> Site:
    """From how a request went out."""
    kept = headers.copy()
    for name in _LEFT_OUT:
        kept.popall(name, None)
    kept["content-type"] = "application/json"
    kept["accept-encoding"] = "identity"
    parts = url.raw_query_string.split("&")
    return Site(upstream, "&".join(part for part in parts if part.startswith("key=")), kept)
