"""Two ``headstart gateway`` processes before one emulating server, with a real Valkey and a
real PostgreSQL, which are killed and suspended under traffic."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from threading import Thread

import httpx
import pytest

from headstart.ledger import Reader, Which
from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts
from tests.kv.tiers.support import free_port, running, valkey_binary
from tests.ledger.conftest import postgresql  # noqa: F401
from tests.ledger.postgresql import Server
from tests.waiting import HANGS, wait_until

SYSTEM = "The mill of Kalmar grinds rye. " * 400
CLIENT = httpx.Client(timeout=30, limits=httpx.Limits(max_keepalive_connections=0))
"""A new one loads certificates, which takes longer than a request."""
AT_ONCE = 3
STATED = 3.0
"""Seconds of what was recorded last that a kill may lose: stated is one, on a machine at ease."""
IN_FLIGHT = (httpx.RemoteProtocolError, httpx.ReadError)
HEADERS = {"x-api-key": "sk-ant-1", "anthropic-version": "2023-06-01"}


@contextmanager
def provider() -> Iterator[tuple[str, State]]:
    state = State(emulated_accounts())
    with EmbeddedServer(create_emulator(state), grace=0.1) as server:
        yield server.url, state


@contextmanager
def gateways(
    folder: Path, url: str, count: int, *options: str
) -> Iterator[tuple[list[str], list[subprocess.Popen[bytes]]]]:
    """So many, which are killed at the end."""
    (folder / "headstart.toml").write_text(
        f'tenant_secret = "common"\n[upstream.anthropic]\nbase_url = "{url}"\n'
    )
    with ExitStack() as stack:
        urls, processes = [], []
        for number in range(count):
            port, own = free_port(), folder / f"{number}.db"
            ledger = () if "--ledger" in options else ("--ledger", str(own))
            command = [sys.executable, "-m", "headstart", "gateway", "--port", str(port)]
            process = stack.enter_context(running([*command, *ledger, *options], port, cwd=folder))
            urls.append(f"http://127.0.0.1:{port}")
            processes.append(process)
        yield urls, processes


class Talk:
    """A conversation whose turns are longer than a lookback."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: list[dict[str, object]] = []

    def body(self) -> dict[str, object]:
        blocks = [
            {"type": "text", "text": f"{self.name} {len(self.messages)} {i} " + "word " * 60}
            for i in range(24)
        ]
        self.messages.append({"role": "user", "content": blocks})
        body = {"model": "claude-sonnet-4-6", "max_tokens": 16, "system": SYSTEM}
        return {**body, "messages": list(self.messages)}

    def answered(self) -> None:
        self.messages.append({"role": "assistant", "content": "Well."})


def traffic(urls: Sequence[str], turns: int = 5, talks: int = 4) -> None:
    """In turn over the gateways; people take longer to read than facts take to arrive."""
    turn_of = cycle(urls)
    many = [Talk(f"talk {number}") for number in range(talks)]
    with httpx.Client(timeout=30, headers=HEADERS) as client:
        for _ in range(turns):
            for talk in many:
                got = client.post(next(turn_of) + "/v1/messages", json=talk.body())
                assert got.status_code == 200, got.text
                talk.answered()
                time.sleep(0.03)
            next(turn_of)  # each conversation goes on at another gateway


class Clients:
    """So many at once at one gateway, who ask until they are told to stop or get no answer."""

    def __init__(self, url: str, model: str) -> None:
        self.url, self.model = url, model
        self.answered: list[float] = []
        """When each answer had ended."""
        self.ends: list[type[Exception]] = []
        """What those who got no answer got."""
        self.over = False

    def older(self, seconds: float) -> int:
        """Answers that ended so long ago."""
        return sum(at < time.monotonic() - seconds for at in self.answered)

    def ask(self) -> None:
        body = {
            "model": self.model,
            "max_tokens": 16,
            "messages": [{"role": "user", "content": "x"}],
        }
        with httpx.Client(timeout=30, headers=HEADERS) as client:
            while not self.over:
                try:
                    got = client.post(self.url + "/v1/messages", json=body)
                except httpx.TransportError as error:
                    self.ends.append(type(error))
                    return
                assert got.status_code == 200, got.text
                self.answered.append(time.monotonic())


@contextmanager
def clients(urls: Sequence[str]) -> Iterator[list[Clients]]:
    """At each gateway, with a model of their own by which the ledger tells them apart."""
    many = [
        Clients(url, f"claude-{name}")
        for url, name in zip(urls, ("opus-4-6", "haiku-4-5"), strict=True)
    ]
    threads = [Thread(target=each.ask) for each in many for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    try:
        yield many
    finally:
        for each in many:
            each.over = True
        for thread in threads:
            thread.join()


def figure(url: str, name: str) -> float:
    text = CLIENT.get(url + "/metrics").text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def test_a_killed_gateway_loses_a_second_and_servers_that_stop_nothing(
    tmp_path: Path,
    postgresql: Server,  # noqa: F811
) -> None:
    binary, port = valkey_binary(), free_port()
    if binary is None:
        pytest.skip("no valkey-server")
    valkey = [binary, "--port", str(port), "--save", "", "--bind", "127.0.0.1"]
    options = ("--shared-state", f"valkey://127.0.0.1:{port}/0", "--ledger", postgresql.url)
    with (
        provider() as (url, state),
        running(valkey, port) as server,
        gateways(tmp_path, url, 2, *options) as (urls, processes),
    ):
        wait_until(lambda: all(figure(each, "headstart_shared_peers") for each in urls))
        traffic(urls, 2)
        # Neither answers: requests go on.
        server.send_signal(signal.SIGSTOP)
        postgresql.suspend()
        try:
            began = time.monotonic()
            traffic(urls, 2)
            assert time.monotonic() - began < HANGS  # one alone would take 20 s
        finally:
            server.send_signal(signal.SIGCONT)
            postgresql.resume()
        facts = "headstart_shared_facts_total"
        wait_until(lambda: all(figure(each, facts + '{event="applied"}') >= 16 for each in urls))
        assert not any(figure(each, facts + '{event="dropped"}') for each in urls)
        wait_until(lambda: rows(postgresql) == 16)
        # One is killed with requests under way at both.
        state.seconds_per_1k = 20.0
        with clients(urls) as (killed, other):
            wait_until(lambda: other.answered and killed.older(STATED) >= 10)
            kept, behind = killed.older(STATED), len(other.answered)
            processes[0].send_signal(signal.SIGKILL)
            processes[0].wait()
            wait_until(lambda: len(killed.ends) == AT_ONCE and len(other.answered) >= behind + 10)
        assert any(issubclass(end, IN_FLIGHT) for end in killed.ends)
        assert not other.ends
        wait_until(lambda: rows(postgresql, other.model) == len(other.answered))
        assert kept <= rows(postgresql, killed.model) <= len(killed.answered) + AT_ONCE
        state.seconds_per_1k = 0.0
        traffic(urls[1:], 1)
        wait_until(lambda: rows(postgresql) == 20)
        assert figure(urls[1], "headstart_gateway_faults_total") <= 3  # each outage told once


def rows(server: Server, model: str = "claude-sonnet-4-6") -> int:
    with Reader.open(server.url) as reader:
        return int(reader.totals(Which(model=model)).requests)
