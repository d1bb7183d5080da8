"""Two ``headstart gateway`` processes before one emulating server, with a real Valkey and a
real PostgreSQL, which are killed and suspended under traffic."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path

import httpx
import pytest

from headstart.ledger import Reader, Which
from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts
from tests.kv.tiers.support import free_port, running, valkey_binary
from tests.ledger.conftest import postgresql  # noqa: F401
from tests.ledger.postgresql import Server

SYSTEM = "The mill of Kalmar grinds rye. " * 400
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


def missed(folder: Path, count: int, *options: str) -> tuple[float, int]:
    """The provider's bill, and the tokens read that no gateway knew to be there."""
    own = folder / f"{len(options)}-{count}"
    own.mkdir()
    with provider() as (url, _), gateways(own, url, count, *options) as (urls, _):
        traffic(urls, turns=4, talks=3)
        cost = float(httpx.get(url + "/_headstart/stats").json()["cost"])
        until(lambda: sum(found(own, "count(*)")) == 12)
        return cost, sum(found(own, "sum(abs(read - predicted_read))"))


def found(folder: Path, what: str) -> list[int]:
    """Of each gateway's ledger."""
    numbers = []
    for path in folder.glob("*.db"):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            (number,) = connection.execute(f"select {what} from headstart_requests").fetchone()
        numbers.append(int(number or 0))
    return numbers


def figure(url: str, name: str) -> float:
    text = httpx.get(url + "/metrics").text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def until(true: object, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def test_two_gateways_plan_as_well_as_one(tmp_path: Path, valkey_url: str) -> None:
    one, two = missed(tmp_path, 1), missed(tmp_path, 2, "--shared-state", valkey_url)
    assert two[0] <= 1.02 * one[0]
    assert two[1] < 5_000


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
        provider() as (url, _),
        running(valkey, port) as server,
        gateways(tmp_path, url, 2, *options) as (urls, processes),
    ):
        until(lambda: all(figure(each, "headstart_shared_peers") for each in urls))
        traffic(urls, 2)
        # Neither answers: requests go on.
        server.send_signal(signal.SIGSTOP)
        postgresql.suspend()
        try:
            began = time.monotonic()
            traffic(urls, 2)
            assert time.monotonic() - began < 15
        finally:
            server.send_signal(signal.SIGCONT)
            postgresql.resume()
        until(lambda: all(figure(each, 'headstart_shared_facts_total{event="applied"}') >= 16
                          for each in urls))  # fmt: skip
        assert not any(
            figure(each, 'headstart_shared_facts_total{event="dropped"}') for each in urls
        )
        until(lambda: rows(postgresql) == 16)
        # One is killed, a second after its last answer.
        traffic(urls, 1)
        time.sleep(1.0)
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        assert rows(postgresql) == 20
        traffic(urls[1:], 2)
        until(lambda: rows(postgresql) == 28)
        assert figure(urls[1], "headstart_gateway_faults_total") <= 3  # each outage told once


def rows(server: Server) -> int:
    with Reader.open(server.url) as reader:
        return int(reader.totals(Which()).requests)
