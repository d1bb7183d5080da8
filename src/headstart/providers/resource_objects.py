"""One explicit cache object, and the errors that providers give about them."""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass
from hashlib import blake2b


class ResourceError(Exception):
    """What the provider answers instead: HTTP code, ``google.rpc`` status, message."""

    def __init__(self, code: int, status: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class CachedContent:
    """One object. Contents are never given back by the provider, and not kept here."""

    name: str
    """``cachedContents/ID``, below its parent where it has one."""
    serial: int
    model: str
    tokens: int
    created: float
    updated: float
    expires: float
    display_name: str = ""
    scope: str = ""


def held(found: CachedContent, now: float) -> float:
    """Token-hours of an object until ``now``."""
    return found.tokens * max(0.0, min(now, found.expires) - found.created) / 3600.0


def bare(model: str) -> str:
    """``gemini-3.8-flash`` of ``models/...`` or ``projects/.../models/...``."""
    return model.rpartition("/")[2]


def identifier(scope: str, serial: int) -> str:
    """An opaque id, the same in every run."""
    digest = blake2b(repr((scope, serial)).encode("utf-8", "surrogatepass"), digest_size=15)
    return b32encode(digest.digest()).decode().lower()


def invalid(message: str) -> ResourceError:
    """Status 400."""
    return ResourceError(400, "INVALID_ARGUMENT", message)
