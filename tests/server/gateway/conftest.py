"""A gateway before an emulating server, or before an upstream that does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts
from headstart.server.gateway import GatewayApp, Upstream, create_gateway
from headstart.server.gateway.keepalive import KeepAlive
from headstart.usage import RequestRecord
from tests.server.gateway.raw import RawUpstream
from tests.waiting import wait_until

PROVIDERS = ("anthropic", "openai", "gemini", "deepseek", "bedrock")


@dataclass
class Running:
    """A gateway that serves, and what it recorded."""

    url: str
    gateway: GatewayApp
    kept: list[RequestRecord] = field(default_factory=list)

    def records(self, count: int) -> list[RequestRecord]:
        """Wait for so many: they are written once the client has its answer."""
        wait_until(lambda: len(self.kept) >= count)
        assert len(self.kept) == count
        return self.kept

    def metrics(self) -> str:
        """What a scrape gives."""
        return httpx.get(f"{self.url}/metrics").text


Start = Callable[..., Running]


def wait_until_pinged(keep: KeepAlive, clock: Callable[[], float]) -> None:
    """All that is due has been sent, or will not be."""

    async def quiet() -> bool:
        heap = keep._heap
        return not keep._sending and not (heap and heap[0][0] <= clock())

    def seen() -> bool:
        """In the loop: only there nothing is half done."""
        loop = keep._loop
        return loop is None or asyncio.run_coroutine_threadsafe(quiet(), loop).result()

    wait_until(seen)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts gateways; they stop with the test."""
    with contextlib.ExitStack() as stack:

        def running(upstreams: dict[str, Upstream], **options: object) -> Running:
            records: list[RequestRecord] = []
            gateway = create_gateway(upstreams, **{"sink": records.append, **options})  # type: ignore[arg-type]
            server = EmbeddedServer(gateway, lifespan=True, grace=0.1)
            return Running(stack.enter_context(server).url, gateway, records)

        yield running


@pytest.fixture
def emulator() -> Iterator[tuple[str, State]]:
    """URL and state of an emulating server."""
    state = State(emulated_accounts())
    with EmbeddedServer(create_emulator(state), grace=0.1) as server:
        yield server.url, state


@pytest.fixture
def raw() -> Iterator[RawUpstream]:
    """An upstream on a bare socket."""
    with RawUpstream() as upstream:
        yield upstream


def upstreams(url: str, **options: object) -> dict[str, Upstream]:
    """Every provider at one address."""
    return {
        name: Upstream(base_url=url, provider=name, **options)  # type: ignore[arg-type]
        for name in PROVIDERS
    }
