"""Two gateways that both saw a prompt, on a real Valkey: one pings. Their clock is moved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from valkey import Valkey

from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts
from headstart.server.gateway import GatewayApp, Upstream, create_gateway
from headstart.server.shared.link import space_of
from headstart.usage import RequestRecord
from tests.kv.tiers.support import free_port
from tests.server.gateway.conftest import wait_until_pinged
from tests.server.shared.child import PERIOD, Always
from tests.waiting import wait_until

BODY = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 16,
    "system": "The mill of Kalmar grinds rye. " * 400,
    "messages": [{"role": "user", "content": "x"}],
}


class Two:
    """Both have answered the same prompt by now."""

    def __init__(
        self, url: str, apps: list[GatewayApp], state: State, pings: list[list[str]]
    ) -> None:
        self.url, self.apps, self.state, self._pings = url, apps, state, pings

    @property
    def pings(self) -> list[int]:
        return [len(pings) for pings in self._pings]

    def wait(self) -> None:
        """Until leases have ended, and the next pings are due and have been sent."""
        with Valkey.from_url(self.url.partition("?")[0]) as valkey:
            for key in valkey.keys(f"{space_of(self.url)}:lease:*"):
                valkey.pexpire(key, 1)  # Valkey's clock does not go on with the tests'
            wait_until(lambda: not valkey.keys(f"{space_of(self.url)}:lease:*"))
        self.due()
        for app in self.apps:
            wait_until_pinged(app.keep_alive, self.state.clock.now)

    def due(self) -> None:
        """It is time for the next pings."""
        self.state.clock.advance(PERIOD)
        for app in self.apps:
            app.keep_alive.nudge()


@contextmanager
def two(url: str) -> Iterator[tuple[Two, list[EmbeddedServer]]]:
    state = State(emulated_accounts())
    with EmbeddedServer(create_emulator(state), grace=0.1) as provider, ExitStack() as stack:
        state.clock.stop()
        apps, servers, pings = [], [], []
        for _ in range(2):
            sent: list[str] = []

            def sink(record: RequestRecord, sent: list[str] = sent) -> None:
                if record.plan == "ping":
                    sent.append(record.id)

            upstream = Upstream(base_url=provider.url, provider="anthropic", keep_alive=True)
            app = create_gateway(
                {"anthropic": upstream},
                secret=b"common",
                sink=sink,
                planner=Always(),
                shared=url,
                clock=state.clock.now,
            )
            server = stack.enter_context(EmbeddedServer(app, lifespan=True, grace=0.1))
            headers = {"x-api-key": "sk-ant-1"}
            httpx.post(server.url + "/v1/messages", json=BODY, headers=headers)
            httpx.get(server.url + "/healthz")
            apps.append(app)
            servers.append(server)
            pings.append(sent)
        yield Two(url, apps, state, pings), servers


def test_one_of_them_pings_and_the_other_takes_over(valkey_url: str) -> None:
    with two(valkey_url) as (both, servers):
        for number in range(1, 4):
            both.wait()
            assert sum(both.pings) == number
        dead = both.pings.index(max(both.pings))
        servers[dead].__exit__(None, None, None)
        before = both.pings
        del both.apps[dead]
        both.wait()
        assert both.pings[1 - dead] == before[1 - dead] + 1
        assert both.pings[dead] == before[dead]


def test_without_valkey_nobody_pings() -> None:
    with two(f"valkey://127.0.0.1:{free_port()}/0") as (both, _):
        both.due()
        wait_until(lambda: all(app.keep_alive._faults.counts["lease"] for app in both.apps))
        assert both.pings == [0, 0]


def test_a_lease_that_was_lost_on_the_way_stops_the_ping(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headstart.server.shared import Lease, Leases

    async def lost(self: Leases, lease: Lease) -> bool:
        return False

    monkeypatch.setattr(Leases, "holds", lost)
    with two(valkey_url) as (both, _):
        both.wait()
        assert both.pings == [0, 0]
        assert sum(app.keep_alive._faults.counts["lease_lost"] for app in both.apps) == 1
