"""``cachedContents``: the bodies that create and change one, and how one is shown.

Source: shapes seen on the wire on 2026-09-07 and written by google-genai 3.4.0. What such an
object does in its life, ``providers`` knows; here is only its JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from headstart.dialects.body import Fields
from headstart.dialects.gemini.contents import (
    ends_on_model,
    read_contents,
    read_system,
    read_tools,
)
from headstart.dialects.gemini.errors import complain, invalid
from headstart.dialects.gemini.names import duration, instant, model_id, rfc3339
from headstart.dialects.gemini.request import parsed, read_settings
from headstart.prompt import Prompt

_NAME = "Invalid value at 'cached_content' (oneof), oneof field '_name' is already set."
_EXPIRATION = "Invalid value at 'cached_content' (oneof), oneof field 'expiration' is already set."
_MODEL_TURN = "Requests ending with a model turn are not supported"
DELETED = b"{}"
"""The body of an answer to DELETE."""


class Expiry(NamedTuple):
    """When it is to end; both None where the request does not say."""

    ttl: float | None
    """Seconds from now."""
    at: float | None
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class CacheRequest:
    """A body of ``POST cachedContents``."""

    prompt: Prompt
    expiry: Expiry
    model_name: str
    """As given: ``models/M``, or a Vertex path."""
    display_name: str


@dataclass(frozen=True, slots=True)
class CachedContent:
    """One object, for those who show it. Times in Unix seconds."""

    name: str
    """``cachedContents/ID``; on Vertex ``projects/.../cachedContents/ID``."""
    model: str
    """As the request that created it gave it."""
    created: float
    updated: float
    expires: float
    tokens: int
    display_name: str = ""


def read_cache(body: bytes) -> CacheRequest:
    """A request to create one; DialectError."""
    fields = parsed(body)
    name = fields.required("model", str)
    if not model_id(name):
        raise complain(("model",), "missing", "")
    contents = read_contents(fields, optional=True)
    segments = (*read_tools(fields), *read_system(fields), *contents)
    if not segments:
        raise complain(("contents",), "missing", "")
    if ends_on_model(fields):
        raise invalid(_MODEL_TURN, "contents")
    prompt = Prompt(model_id(name), segments, read_settings(fields, None))
    shown = fields.optional("displayName", str) or ""
    return CacheRequest(prompt, _expiry(fields), name, shown)


def read_cache_patch(body: bytes) -> Expiry:
    """A request to change one's end, which is all that can be changed; DialectError."""
    fields = parsed(body)
    if "name" in fields.data:
        raise invalid(f"{_NAME} Cannot set 'name'", "name")
    for key in fields.data:
        if key not in ("ttl", "expireTime"):
            raise invalid(f"Only ttl and expire_time can be updated, not {key}", key)
    expiry = _expiry(fields)
    if expiry == (None, None):
        raise complain(("ttl",), "missing", "")
    return expiry


def render_cache(cache: CachedContent) -> bytes:
    """The object; its contents are never shown."""
    return msgspec.json.encode(_shown(cache))


def render_caches(caches: Sequence[CachedContent], next_page_token: str = "") -> bytes:
    """A page of a list: ``{}`` when there is none."""
    page: dict[str, Any] = {}
    if caches:
        page["cachedContents"] = [_shown(cache) for cache in caches]
    if next_page_token:
        page["nextPageToken"] = next_page_token
    return msgspec.json.encode(page)


def _shown(cache: CachedContent) -> dict[str, Any]:
    return {
        "name": cache.name,
        "model": cache.model,
        "createTime": rfc3339(cache.created),
        "updateTime": rfc3339(cache.updated),
        "expireTime": rfc3339(cache.expires),
        "displayName": cache.display_name,
        "usageMetadata": {"totalTokenCount": cache.tokens},
    }


def _expiry(fields: Fields) -> Expiry:
    ttl, at = fields.data.get("ttl"), fields.data.get("expireTime")
    if ttl is not None and at is not None:
        raise invalid(f"{_EXPIRATION} Cannot set 'expireTime'", "expireTime")
    if ttl is None:
        return Expiry(None, instant(at, "expireTime") if at is not None else None)
    seconds = duration(ttl, "ttl")
    if seconds <= 0:
        raise complain(("ttl",), "value", "must be greater than 0s")
    return Expiry(seconds, None)
