"""Google's Gemini API."""

from headstart.dialects.gemini.caches import (
    DELETED,
    CachedContent,
    CacheRequest,
    Expiry,
    read_cache,
    read_cache_patch,
    render_cache,
    render_caches,
)
from headstart.dialects.gemini.errors import no_such_cache, too_small
from headstart.dialects.gemini.hosted import Gemini

__all__ = [
    "DELETED",
    "CacheRequest",
    "CachedContent",
    "Expiry",
    "Gemini",
    "no_such_cache",
    "read_cache",
    "read_cache_patch",
    "render_cache",
    "render_caches",
    "too_small",
]
