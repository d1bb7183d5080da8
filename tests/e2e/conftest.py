from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
from pydantic import SecretStr

from headstart.engine import Engine
from headstart.server import EmbeddedServer, Settings, create_app

KEYS = {"acme": "key-a", "beta": "key-b"}


@pytest.fixture(scope="module")
def url(builtin_engine: Engine) -> Iterator[str]:
    """A server of the built-in model with two tenants; the engine outlives it."""
    settings = Settings(api_keys={name: SecretStr(key) for name, key in KEYS.items()})
    with EmbeddedServer(create_app(builtin_engine, settings), grace=0) as server:
        yield server.url


@pytest.fixture(scope="module")
def claude(url: str) -> Iterator[anthropic.Anthropic]:
    """acme's Anthropic client."""
    with anthropic.Anthropic(base_url=url, api_key=KEYS["acme"], max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def gpt(url: str) -> Iterator[openai.OpenAI]:
    """acme's OpenAI client."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEYS["acme"], max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def tiny(tiny_engine: Engine) -> Iterator[httpx.Client]:
    """A plain client of a keyless server of the tiny model."""
    app = create_app(tiny_engine, Settings(model="tiny-llama"))
    with (
        EmbeddedServer(app, grace=0) as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        yield client


def marked(text: str, ttl: str = "5m") -> list[Any]:
    """A system prompt with a cache marker at its end."""
    control = {"type": "ephemeral", "ttl": ttl}
    return [{"type": "text", "text": text, "cache_control": control}]
