"""A served request as the ledger gets it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from headstart.server import EmbeddedServer, Settings, create_app
from headstart.server.record import CLIENT_GONE, Record
from headstart.usage import RequestRecord, Usage
from tests.server.scripted import ScriptedEngine, hang, say
from tests.waiting import wait_until

HELLO = [{"role": "user", "content": "hello"}]


def body(**more: Any) -> dict[str, Any]:
    return {"model": "scripted", "max_tokens": 8, "messages": HELLO, **more}


def served(engine: ScriptedEngine, *asked: tuple[str, dict[str, Any]]) -> list[RequestRecord]:
    kept: list[RequestRecord] = []
    app = create_app(engine, Settings(), sink=kept.append)
    with EmbeddedServer(app, grace=0.1) as server:
        for path, content in asked:
            httpx.post(f"{server.url}{path}", json=content)
    return kept


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_what_the_engine_read(path: str, stream: bool) -> None:
    (found,) = served(ScriptedEngine(say("a", "b", read=7)), (path, body(stream=stream)))
    assert found.usage == Usage(fresh=3, read=7, output=2)
    assert (found.route, found.provider, found.model) == ("engine", "engine", "scripted")
    assert (found.tenant, found.status, found.stream) == ("default", 200, stream)
    assert found.cost is None
    assert found.ttft is not None
    assert found.latency is not None
    assert 0 < found.ttft <= found.latency


def test_nothing_is_paid_for_what_is_written() -> None:
    marked = [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]
    asked = body(messages=[{"role": "user", "content": marked}])
    (found,) = served(ScriptedEngine(say("a")), ("/v1/messages", asked))
    assert found.usage == Usage(fresh=10, output=1)


def test_requests_that_generate_nothing_have_no_row() -> None:
    asked = (
        ("/v1/messages/count_tokens", body()),
        ("/v1/messages", body(model="unknown")),
        ("/v1/messages", {"model": 3}),
        ("/v1/nowhere", body()),
    )
    assert served(ScriptedEngine(), *asked) == []


def test_a_client_that_leaves_has_one() -> None:
    kept: list[RequestRecord] = []
    engine = ScriptedEngine(hang())
    app = create_app(engine, Settings(), sink=kept.append)

    async def leave(url: str) -> None:
        async with httpx.AsyncClient() as client:
            asking = asyncio.create_task(client.post(f"{url}/v1/messages", json=body()))
            while not engine.tickets:
                await asyncio.sleep(0.005)
            asking.cancel()

    with EmbeddedServer(app, grace=0.1) as server:
        asyncio.run(leave(server.url))
        wait_until(lambda: kept)
    assert [record.status for record in kept] == [CLIENT_GONE]
    assert kept[0].usage == Usage()


def test_one_that_named_no_model_has_none() -> None:
    assert Record(dialect="anthropic").kept() is None
