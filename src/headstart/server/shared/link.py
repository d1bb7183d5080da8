"""Connections to Valkey, on the event loop."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 2.0
SCHEMES: Final = ("valkey", "valkeys", "redis", "rediss")


def checked(url: str) -> str:
    """The URL, if it can be one of Valkey's; ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ValueError("shared state lies at valkey://HOST:PORT/DB")
    if parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        raise ValueError("what follows the host of a valkey:// URL is a database's number")
    return url


def space_of(url: str) -> str:
    """``?namespace=NAME``, in the braces that keep all keys in one cluster slot."""
    name = dict(parse_qsl(urlsplit(url).query)).get("namespace", "headstart")
    return "{" + name + ":shared}"


def client(url: str, seconds: float = ANSWER_SECONDS) -> Any:
    """A client whose commands take so long at most, and are not repeated. ModuleNotFoundError
    without ``valkey``."""
    from valkey.asyncio import Valkey
    from valkey.asyncio.retry import Retry
    from valkey.backoff import NoBackoff

    parts = urlsplit(url)
    scheme = "valkeys" if parts.scheme in ("valkeys", "rediss") else "valkey"
    return Valkey.from_url(
        urlunsplit((scheme, parts.netloc, parts.path, "", "")),
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )
