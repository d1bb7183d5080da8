"""Requests at the same moment, and clients that go away."""

from __future__ import annotations

import asyncio
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from headstart.server.emulate.exchange import _Exchange
from tests.leaving import leaving
from tests.server.emulate.conftest import HOUSE_RULES, Emulate, Emulated
from tests.waiting import wait_until


def _body(stream: bool = False) -> dict[str, Any]:
    return {
        "model": "claude-opus-5",
        "max_tokens": 9,
        "stream": stream,
        "system": [{"type": "text", "text": HOUSE_RULES, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "Hi"}],
    }


def _ask(emulated: Emulated) -> Any:
    answer = httpx.post(f"{emulated.url}/v1/messages", json=_body(), timeout=20)
    return answer.json()["usage"]


def test_parallel_cold_requests_all_write(
    emulate: Emulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulated = emulate()

    async def all_there(*_: object) -> None:
        while emulated.state.journal.count < 4:
            await asyncio.sleep(0.005)

    monkeypatch.setattr(_Exchange, "_prefill", all_there)
    with ThreadPoolExecutor(4) as pool:
        usages = list(pool.map(lambda _: _ask(emulated), range(4)))
    assert [usage["cache_read_input_tokens"] for usage in usages] == [0] * 4
    assert all(usage["cache_creation_input_tokens"] > 1_000 for usage in usages)
    reasons = [entry["reason"] for entry in emulated.requests()]
    assert sorted(reasons) == ["first_sight", *["not_yet_readable"] * 3]
    assert _ask(emulated)["cache_read_input_tokens"] > 1_000


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_before_the_first_byte_has_written_nothing(
    emulate: Emulate, stream: bool
) -> None:
    emulated = emulate(seconds_per_1k=100.0)
    with leaving(emulated.url, "/v1/messages", json.dumps(_body(stream)).encode()):
        wait_until(emulated.requests)
    wait_until(lambda: emulated.requests()[0]["status"] == "aborted")
    emulated.state.seconds_per_1k = 0.0
    assert _ask(emulated)["cache_read_input_tokens"] == 0
    assert _ask(emulated)["cache_read_input_tokens"] > 1_000


def test_a_client_that_goes_within_its_request_leaves_nothing(
    emulated: Emulated, caplog: pytest.LogCaptureFixture
) -> None:
    host, _, port = emulated.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
    assert _ask(emulated)["cache_read_input_tokens"] == 0
    assert len(emulated.requests()) == 1
    assert "Exception in ASGI application" not in caplog.text
