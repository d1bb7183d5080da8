"""Keys by which providers choose a machine: in the body where it takes one, else in a header."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from headstart.server.gateway import Upstream
from tests.server.gateway.conftest import Start
from tests.server.gateway.raw import RawUpstream

LONG = "a system prompt that many share " * 400


def asked(
    start: Start, raw: RawUpstream, provider: str, system: str = LONG, **more: Any
) -> tuple[dict[str, str], dict[str, Any]]:
    """Headers and body as they reach the provider."""
    running = start({provider: Upstream(base_url=raw.url, provider=provider)}, secret=b"s")
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "hello"}]
    model = {"xai": "grok-4.5", "mistral": "mistral-large-4", "openai": "gpt-5"}[provider]
    headers = more.pop("headers", {})
    url = f"{running.url}/{provider}/v1/chat/completions"
    httpx.post(url, json={"model": model, "messages": messages, **more}, headers=headers)
    lines = raw.heads[-1].decode().split("\r\n")[1:]
    found = dict(line.split(": ", 1) for line in lines)
    return {name.lower(): value for name, value in found.items()}, json.loads(raw.bodies[-1])


@pytest.mark.parametrize("provider", ["openai", "mistral"])
def test_a_key_in_the_body(start: Start, raw: RawUpstream, provider: str) -> None:
    headers, body = asked(start, raw, provider)
    assert len(body["prompt_cache_key"]) == 32
    assert "x-grok-conv-id" not in headers
    _, again = asked(start, raw, provider)
    assert again["prompt_cache_key"] == body["prompt_cache_key"]
    _, other = asked(start, raw, provider, system="other " + LONG)
    assert other["prompt_cache_key"] != body["prompt_cache_key"]


def test_a_key_in_a_header(start: Start, raw: RawUpstream) -> None:
    headers, body = asked(start, raw, "xai")
    assert "prompt_cache_key" not in body
    again, _ = asked(start, raw, "xai")
    other, _ = asked(start, raw, "xai", system="other " + LONG)
    assert again["x-grok-conv-id"] == headers["x-grok-conv-id"] != other["x-grok-conv-id"]


def test_the_clients_own_word_counts(start: Start, raw: RawUpstream) -> None:
    headers, _ = asked(start, raw, "xai", headers={"x-grok-conv-id": "mine"})
    assert headers["x-grok-conv-id"] == "mine"
    headers, body = asked(start, raw, "xai", prompt_cache_key="mine")
    assert "x-grok-conv-id" not in headers
    assert body["prompt_cache_key"] == "mine"
