"""A client that hangs up frees its work and memory."""

from __future__ import annotations

import itertools

import httpx
import pytest

from headstart.engine import Engine
from tests.e2e.conftest import KEYS
from tests.waiting import wait_until

HEADERS = {"x-api-key": KEYS["acme"]}


def idle(engine: Engine) -> bool:
    """The engine runs nothing and holds no memory for it."""
    stats = engine.stats()
    return stats.requests_running == stats.requests_waiting == stats.running_bytes == 0


def body(text: str, stream: bool) -> dict[str, object]:
    messages = [{"role": "user", "content": text}]
    return {
        "model": "smollm2-135m",
        "max_tokens": 2000,
        "temperature": 0,
        "stream": stream,
        "messages": messages,
    }


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
def test_leaving_a_stream_in_the_middle(url: str, path: str, builtin_engine: Engine) -> None:
    wait_until(lambda: idle(builtin_engine))
    text = "Write a very long story about a fox and never stop."
    with httpx.stream(
        "POST", url + path, json=body(text, stream=True), headers=HEADERS, timeout=60
    ) as response:
        lines = list(itertools.islice(response.iter_lines(), 20))
        assert len(lines) == 20, lines
        assert builtin_engine.stats().requests_running == 1
    wait_until(lambda: idle(builtin_engine))


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [True, False])
def test_leaving_during_a_long_prefill(
    url: str, path: str, stream: bool, builtin_engine: Engine
) -> None:
    wait_until(lambda: idle(builtin_engine))
    text = f"{path} {stream}: " + "The river of Köln runs north. " * 500
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            url + path,
            json=body(text, stream),
            headers=HEADERS,
            timeout=httpx.Timeout(30, read=0.5),
        )
    wait_until(lambda: idle(builtin_engine))


def test_the_server_answers_afterwards(url: str) -> None:
    answer = httpx.post(
        f"{url}/v1/messages",
        json={**body("Say hi.", stream=False), "max_tokens": 4},
        headers=HEADERS,
        timeout=60,
    )
    assert answer.status_code == 200
