"""Requests that nobody means well: refused in the dialect's words, never a 500."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts
from headstart.server.emulate.endpoints import endpoints
from tests.server.emulate.conftest import Emulate, Emulated

_PLACES = {"version": "v1", "project": "p", "location": "l", "model": "m", "model:path": "claude"}
PATHS = sorted(
    {re.sub(r"{([^}]+)}", lambda m: _PLACES[m[1]], endpoint.path) for endpoint in endpoints()}
    | {"/v1beta/cachedContents", "/v1/projects/p/locations/l/cachedContents"}
)

TURN = '{"role": "user", "content": "Hi"}'
BODIES = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "empty object": b"{}",
    "nested": b'{"messages": ' + b"[" * 200_000,
    "nested and closed": b'{"model": "m", "messages": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "same key twice": f'{{"model": "m", "model": "n", "messages": [{TURN}]}}'.encode(),
    "lone surrogate": b'{"model": "\\ud800", "messages": [{"role": "user", "content": "x"}]}',
    "not UTF-8": b'{"model": "m", "messages": [{"role": "user", "content": "\xff"}]}',
    "not a number": b'{"model": "m", "max_tokens": NaN}',
    "huge number": b'{"model": "m", "max_tokens": 1' + b"0" * 400 + b"}",
    "wrong types": b'{"model": {}, "messages": 5, "contents": true, "system": 1, "input": {}}',
    "odd messages": b'{"model": "m", "max_tokens": 1, "input": [[]], "messages": [[], null, 1]}',
    "odd parts": b'{"model": "models/m", "contents": [{"parts": [5]}], "ttl": "5"}',
}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with ExitStack() as stack:
        app = create_emulator(State(emulated_accounts()))
        server = stack.enter_context(EmbeddedServer(app, grace=0))
        yield stack.enter_context(httpx.Client(base_url=server.url, timeout=20))


@pytest.mark.parametrize("path", PATHS)
def test_bodies_that_are_no_request(client: httpx.Client, path: str) -> None:
    for name, body in BODIES.items():
        answer = client.post(path, content=body)
        # A count of a request with the same key twice is a count of the later one.
        lowest = 200 if name == "same key twice" else 400
        assert lowest <= answer.status_code < 500, (name, answer.status_code, answer.text)
        assert answer.status_code != 404, name
        assert len(json.dumps(answer.json())) < 4_000, name


def test_a_body_beyond_the_limit(emulated: Emulated) -> None:
    answer = emulated.http.post("/v1/messages", content=b"x" * (70 << 20))
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "request_too_large"
    assert emulated.http.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "model",
    ["a/b/c", "a\nb", "a\r\nx-evil: 1", "*", "[", "m" * 10_240, "..", "ü", "%2e", "\x00"],
)
def test_models_with_odd_names(emulated: Emulated, model: str) -> None:
    chat: Any = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    for path in ("/v1/chat/completions", "/openrouter/v1/chat/completions", "/v1/messages"):
        answer = emulated.http.post(path, json={**chat, "max_tokens": 5})
        assert answer.status_code == 200, answer.text
        assert answer.json()["model"] == model
        assert "x-evil" not in answer.headers
    assert emulated.http.get("/_headstart/requests").json()["requests"][0]["model"] == model


def test_models_of_the_path(emulated: Emulated) -> None:
    body = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    for model in ("a%2Fb", "a%0Ab", "m" * 10_240, "%00", "a%252Fb"):
        answer = emulated.http.post(f"/model/{model}/converse", json=body)
        assert answer.status_code in (200, 404), answer.text
    held = emulated.http.post("/v1beta/models/a%0Ab:generateContent", json={"contents": []})
    assert 400 <= held.status_code < 500


def test_more_models_than_are_held(emulated: Emulated) -> None:
    for index in range(300):
        chat = {"model": f"m{index}", "messages": [{"role": "user", "content": "Hi"}]}
        assert emulated.http.post("/v1/chat/completions", json=chat).status_code == 200
    assert emulated.http.get("/_headstart/stats").json()["requests"] == 300


def test_a_clock_at_the_end_of_time(emulate: Emulate) -> None:
    emulated = emulate()
    assert emulated.http.post("/_headstart/clock", json={"now": 253_402_300_799}).is_success
    made = emulated.http.post(
        "/v1beta/cachedContents",
        json={
            "model": "models/gemini-2.5-flash",
            "contents": [{"role": "user", "parts": [{"text": "All of it. " * 3_000}]}],
            "ttl": "315576000000s",
        },
    )
    assert made.status_code in (200, 400), made.text
    chat = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "Hi"}]}
    assert emulated.http.post("/v1/chat/completions", json=chat).status_code == 200
