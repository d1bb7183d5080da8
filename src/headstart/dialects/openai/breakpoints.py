"""``prompt_cache_options`` and ``prompt_cache_breakpoint``: explicit cache markers.

Source: SDK types of openai 3.54.0 and OpenAI's prompt caching guide (2026-09). More
breakpoints than may be written are no error: the latest ones count. A local cache reuses
every prefix anyway, so the implicit breakpoint needs no marker of its own here; what an
explicit one adds is its lifetime.
"""

from __future__ import annotations

from typing import NamedTuple

from headstart.dialects.assembly import Place
from headstart.dialects.body import Fields
from headstart.dialects.openai.directives import BREAKPOINT, TTL_30M_12H, named_ttl

_MODES = ("implicit", "explicit")
_MOST_WRITES = {"implicit": 3, "explicit": 4}


class CacheOptions(NamedTuple):
    """What the request asks for as a whole; ``ttl`` in seconds."""

    mode: str = "implicit"
    ttl: float = BREAKPOINT.default


def read_options(body: Fields) -> CacheOptions:
    """``prompt_cache_options``; the key and the retention are checked and ignored."""
    for key in ("prompt_cache_key", "prompt_cache_retention"):
        body.optional(key, str)
    options = body.child("prompt_cache_options")
    if options is None:
        return CacheOptions()
    mode = "implicit" if options.data.get("mode") is None else options.choice("mode", _MODES)
    return CacheOptions(mode, named_ttl(options, TTL_30M_12H) or CacheOptions().ttl)


def breakpoint_ttl(part: Fields, options: CacheOptions) -> float | None:
    """The TTL in seconds of the breakpoint on a content part, or None without one."""
    return BREAKPOINT.ttl(part, options.ttl)


def settle(places: list[Place], options: CacheOptions) -> None:
    """Keep the latest breakpoints only, as many as one request may write."""
    marked = [place for place in places if place.ttl is not None]
    for place in marked[: -_MOST_WRITES[options.mode]]:
        place.ttl = None
