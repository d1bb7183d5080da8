"""Three replicas behind a gateway, each a server of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import pytest

from headstart.server import EmbeddedServer
from headstart.server.gateway import GatewayApp, Upstream, create_gateway
from headstart.server.upstreams import parse_upstreams
from tests.server.replicas.engine import Engine
from tests.server.replicas.publisher import Publisher
from tests.waiting import wait_until

ADMIN = "operator"


@dataclass
class Site:
    """A gateway, and the engines behind it by the names that it gives them."""

    url: str
    gateway: GatewayApp
    engines: dict[str, Engine]

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="k", max_retries=0)

    def admin(self, change: dict[str, Any] | None = None, key: str = ADMIN) -> httpx.Response:
        headers, url = {"authorization": f"Bearer {key}"}, f"{self.url}/_headstart/replicas"
        if change is None:
            return httpx.get(url, headers=headers)
        return httpx.post(url, headers=headers, json={"upstream": "pool", **change})

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["replica"]: row for row in self.admin().json()["replicas"]}

    def until(self, good: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
        """Wait until the replicas are so."""
        wait_until(lambda: good(self.rows()))


Raise = Callable[..., Site]


@pytest.fixture
def site() -> Iterator[Raise]:
    """Starts engines and a gateway before them; all end with the test."""
    with contextlib.ExitStack() as stack:

        def started(count: int = 3, *, events: bool = False, **options: Any) -> Site:
            pace, capacity = options.pop("pace", 0.0), options.pop("capacity", 100_000)
            engines, tables = {}, []
            for _ in range(count):
                publisher = Publisher() if events else None
                if publisher is not None:
                    stack.callback(publisher.close)
                engine = Engine(capacity, pace, publisher)
                url = stack.enter_context(EmbeddedServer(engine.app, grace=0.1)).url
                table: dict[str, Any] = {"url": url}
                if publisher is not None:
                    table |= {"events": publisher.events, "replay": publisher.replay}
                engines[url.removeprefix("http://")] = engine
                tables.append(table)
            return Site(*_gateway(stack, tables, options), engines)

        yield started


@pytest.fixture
def before() -> Iterator[Callable[..., Site]]:
    """Starts a gateway before servers that are there: their tables, and options."""
    with contextlib.ExitStack() as stack:
        yield lambda tables, **options: Site(*_gateway(stack, tables, options), {})


def _gateway(
    stack: contextlib.ExitStack, tables: list[Any], options: dict[str, Any]
) -> tuple[str, GatewayApp]:
    table = {"provider": "vllm", "replicas": tables, "replica_header": True, **options}
    upstreams: dict[str, Upstream] = parse_upstreams({"pool": table})
    gateway = create_gateway(upstreams, admin_key=ADMIN)
    return stack.enter_context(EmbeddedServer(gateway, lifespan=True, grace=0.1)).url, gateway


def ask(client: openai.OpenAI, messages: list[Any], **options: Any) -> tuple[str, Any]:
    """Which replica answered, and its answer."""
    raw = client.chat.completions.with_raw_response.create(model="m", messages=messages, **options)
    return raw.headers["x-headstart-replica"], raw.parse()


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def read_of(answer: Any) -> int:
    """Tokens that it says it read."""
    return int(answer.usage.prompt_tokens_details.cached_tokens)
