"""A request's body, held as long as it is worth reading, then passed on as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from starlette.types import Receive


class Left(Exception):
    """The client is gone."""


async def read(receive: Receive, limit: int) -> tuple[bytes, bool]:
    """The body, and whether there is more of it beyond ``limit`` bytes. Left."""
    message = await receive()
    if message["type"] != "http.request":
        raise Left
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return first, False
    parts, size = [first], len(first)
    while size <= limit:
        message = await receive()
        if message["type"] != "http.request":
            raise Left
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body", False):
            return b"".join(parts), False
    return b"".join(parts), True


async def rest(first: bytes, receive: Receive, ended: Callable[[], None]) -> AsyncIterator[bytes]:
    """``first``, then what is still to come; then ``ended`` is called. Left."""
    if first:
        yield first
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Left
        chunk: bytes = message.get("body", b"")
        if chunk:
            yield chunk
        if not message.get("more_body", False):
            ended()
            return
