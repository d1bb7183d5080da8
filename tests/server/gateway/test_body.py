from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.server.gateway.body import Left, read, rest

Receive = Callable[[], Awaitable[Any]]


def receiving(*pieces: bytes, gone: bool = False) -> Receive:
    """A body that comes so; ``gone``: its client leaves before the end."""
    messages = [
        {"type": "http.request", "body": piece, "more_body": gone or number + 1 < len(pieces)}
        for number, piece in enumerate(pieces)
    ]

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return receive


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=8), st.integers(0, 60))
def test_what_is_held_and_what_follows_are_the_body(pieces: list[bytes], limit: int) -> None:
    async def work() -> None:
        receive = receiving(*pieces)
        first, more = await read(receive, limit)
        whole = b"".join(pieces)
        if not more:
            assert first == whole
            return
        assert len(first) > limit or first == pieces[0]
        ended: list[int] = []
        found = [chunk async for chunk in rest(first, receive, lambda: ended.append(1))]
        assert b"".join(found) == whole
        assert ended == [1]
        assert all(found)

    asyncio.run(work())


def test_a_client_that_leaves() -> None:
    async def work() -> None:
        with pytest.raises(Left):
            await read(receiving(), 100)
        with pytest.raises(Left):
            await read(receiving(b"a", gone=True), 100)
        receive = receiving(b"abc", b"d", gone=True)
        first, more = await read(receive, 1)
        assert more
        ended: list[int] = []
        with pytest.raises(Left):
            [chunk async for chunk in rest(first, receive, lambda: ended.append(1))]
        assert ended == []

    asyncio.run(work())
