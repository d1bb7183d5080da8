"""Requests that begin alike and come together: one writes, the others wait and read."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import httpx
import pytest

from headstart.planner import Followers
from headstart.server.emulate import State
from headstart.server.emulate.exchange import _Exchange
from headstart.server.gateway import Upstream
from headstart.usage import RequestRecord
from tests.leaving import leaving
from tests.server.gateway.conftest import Running, Start
from tests.server.gateway.raw import RawUpstream, response, stream
from tests.waiting import HANGS, wait_until

MODEL = "claude-sonnet-4-6"
COUNT = 6
OPENING = b'event: message_start\ndata: {"type":"message_start"}\n\n'


def route(url: str) -> dict[str, Upstream]:
    return {"anthropic": Upstream(base_url=url, provider="anthropic", followers=True)}


def asked(text: str, number: int = 0, *, streams: bool = True, most: int = 16) -> bytes:
    """A long marked prefix, and a question of its own."""
    system = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
    messages = [{"role": "user", "content": f"question {number}"}]
    body = {"model": MODEL, "max_tokens": most, "system": [system], "messages": messages}
    return json.dumps({**body, "stream": True} if streams else body).encode()


@cache
def client() -> httpx.Client:
    """One for all: each new one reads all certificates, while others' answers come."""
    return httpx.Client(timeout=30)


def post(running: Running, body: bytes, key: str = "sk-1") -> httpx.Response:
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    return client().post(f"{running.url}/v1/messages", content=body, headers=headers)


SHARED = "The mill of Kalmar grinds rye. " * 400


def teach(running: Running, key: str = "sk-1") -> None:
    """What a time to first byte is like here: nobody waits before that is known."""
    assert post(running, asked(f"{key} The lock of Trondheim opens. " * 400), key).is_success


@dataclass
class Gate:
    """While it is closed, no response of the emulating server begins."""

    state: State
    url: str
    closed: bool = False


@pytest.fixture
def gate(emulator: tuple[str, State], monkeypatch: pytest.MonkeyPatch) -> Gate:
    url, state = emulator
    made = Gate(state, url)

    async def prefill(*_: object) -> None:
        while made.closed:
            await asyncio.sleep(0.005)

    monkeypatch.setattr(_Exchange, "_prefill", prefill)
    return made


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits does so until it is told to go."""
    monkeypatch.setattr(Followers, "limit", lambda self, key: HANGS if self._times.get(key) else 0)


def together(
    running: Running, gate: Gate, *asks: tuple[bytes, str], wait: int
) -> list[httpx.Response]:
    """All at once, of which so many wait, and the others reach the server."""
    before = gate.state.journal.count
    gate.closed = True
    with ThreadPoolExecutor(len(asks)) as pool:
        answers = [pool.submit(post, running, *ask) for ask in asks]
        try:
            sent = before + len(asks) - wait
            wait_until(lambda: (held(running), gate.state.journal.count) == (wait, sent))
        finally:
            gate.closed = False
        return [answer.result() for answer in answers]


def held(running: Running) -> int:
    return len(running.gateway.line)


def waits(running: Running) -> dict[str, int]:
    return dict(running.gateway.metrics.waits)


def rest(running: Running, count: int) -> list[RequestRecord]:
    """The records of all requests but the first, which taught."""
    first, *others = running.records(count + 1)
    assert first.waited == 0
    return others


@pytest.mark.usefixtures("patient")
def test_one_writes_and_the_others_read(start: Start, gate: Gate) -> None:
    running = start(route(gate.url))
    teach(running)
    asks = [(asked(SHARED, n), "sk-1") for n in range(COUNT)]
    answers = together(running, gate, *asks, wait=COUNT - 1)
    assert all(answer.is_success for answer in answers)
    records = rest(running, COUNT)
    (leader,) = [record for record in records if not record.waited]
    followers = [record for record in records if record.waited]
    assert (leader.usage.read, len(followers)) == (0, COUNT - 1)
    assert leader.usage.written > 1024
    for record in followers:
        assert record.usage.read == leader.usage.written
        assert (record.usage.written, record.reason, record.lost) == (0, None, 0)
        assert record.predicted is not None
        assert record.predicted.read == record.usage.read
        assert record.ttft is not None
        assert record.ttft > record.waited
    assert waits(running) == {"read": COUNT - 1}
    text = running.metrics()
    assert f'headstart_gateway_waits_total{{outcome="read"}} {COUNT - 1}.0' in text
    total = "headstart_gateway_waited_seconds_total "
    waited = sum(record.waited for record in followers)
    told = next(line for line in text.splitlines() if line.startswith(total))
    assert float(told.split()[1]) == pytest.approx(waited)


def test_without_the_route_s_consent_nobody_waits(start: Start, gate: Gate) -> None:
    running = start({"anthropic": Upstream(base_url=gate.url, provider="anthropic")})
    teach(running)
    together(running, gate, *((asked(SHARED, n), "sk-1") for n in range(3)), wait=0)
    assert [record.usage.read for record in rest(running, 3)] == [0, 0, 0]
    assert waits(running) == {}


@pytest.mark.usefixtures("patient")
def test_a_leader_that_does_not_stream_makes_nobody_wait(start: Start, gate: Gate) -> None:
    running = start(route(gate.url))
    teach(running)
    asks = [(asked(SHARED, n, streams=False), "sk-1") for n in range(3)]
    assert all(answer.is_success for answer in together(running, gate, *asks, wait=0))
    assert [record.waited for record in rest(running, 3)] == [0, 0, 0]


@pytest.mark.usefixtures("patient")
def test_a_primer_of_the_client_s_own_leads(start: Start, gate: Gate) -> None:
    running = start(route(gate.url))
    teach(running)
    gate.closed = True
    with ThreadPoolExecutor(2) as pool:
        primer = pool.submit(post, running, asked(SHARED, streams=False, most=0))
        wait_until(lambda: gate.state.journal.count == 2)
        other = pool.submit(post, running, asked(SHARED, 1, streams=False))
        wait_until(lambda: held(running) == 1)
        gate.closed = False
        assert primer.result().is_success
        assert other.result().is_success
    primed, follower = rest(running, 2)
    assert follower.waited > primed.waited == 0
    assert follower.usage.read == primed.usage.written > 0


@pytest.mark.usefixtures("patient")
def test_two_tenants_never_wait_for_each_other(start: Start, gate: Gate) -> None:
    running = start(route(gate.url))
    teach(running, "sk-1")
    teach(running, "sk-2")
    together(running, gate, (asked(SHARED), "sk-1"), (asked(SHARED), "sk-2"), wait=0)
    records = running.records(4)[2:]
    assert len({record.tenant for record in records}) == 2
    assert [record.waited for record in records] == [0, 0]


class Script:
    """Answers in turn: the first one after ``usual`` seconds, the others when they are let go."""

    def __init__(self, usual: float, *failing: int) -> None:
        self.usual = usual
        self.failing = failing
        self.let = [threading.Event() for _ in range(COUNT + 2)]
        self.count = 0

    def __call__(self, connection: socket.socket) -> None:
        number, self.count = self.count, self.count + 1
        if number == 0:
            time.sleep(self.usual)
        else:
            self.let[number].wait(HANGS)
        failed = response(b'{"type":"error"}', "529 Overloaded")
        connection.sendall(failed if number in self.failing else stream(OPENING))


def scripted(
    start: Start, raw: RawUpstream, *failing: int, usual: float = 0.0
) -> tuple[Running, Script]:
    running = start(route(raw.url))
    raw.answer = script = Script(usual, *failing)
    teach(running)
    return running, script


@pytest.mark.usefixtures("patient")
def test_a_failed_leader_s_followers_go_one_by_one(start: Start, raw: RawUpstream) -> None:
    running, script = scripted(start, raw, 1)
    with ThreadPoolExecutor(4) as pool:
        leader = pool.submit(post, running, asked(SHARED))
        wait_until(lambda: script.count == 2)
        others = [pool.submit(post, running, asked(SHARED, n)) for n in range(3)]
        wait_until(lambda: held(running) == 3)
        assert script.count == 2, "all three wait"
        script.let[1].set()
        assert leader.result().status_code == 529
        wait_until(lambda: script.count == 3)
        assert held(running) == 2, "one goes, and leads the others"
        for event in script.let:
            event.set()
        assert all(other.result().is_success for other in others)
    assert waits(running) == {"alone": 1, "read": 2}
    assert sorted(record.status for record in rest(running, 4)) == [200, 200, 200, 529]


def test_a_follower_goes_when_its_time_is_up(start: Start, raw: RawUpstream) -> None:
    running, script = scripted(start, raw, usual=1.0)
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(post, running, asked(SHARED))
        wait_until(lambda: script.count == 2)
        script.let[2].set()
        assert post(running, asked(SHARED, 1)).is_success
        assert not leader.done()
        script.let[1].set()
        assert leader.result().is_success
    assert waits(running) == {"late": 1}


@pytest.mark.usefixtures("patient")
def test_a_client_that_leaves_gives_up_its_place(start: Start, raw: RawUpstream) -> None:
    running, script = scripted(start, raw)
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(post, running, asked(SHARED))
        wait_until(lambda: script.count == 2)
        with leaving(running.url, "/v1/messages", asked(SHARED, 1), x_api_key="sk-1"):
            wait_until(lambda: held(running) == 1)
        wait_until(lambda: held(running) == 0)
        script.let[1].set()
        assert leader.result().is_success
    assert waits(running) == {"left": 1}
    gone, led = sorted(rest(running, 2), key=lambda record: -record.status)
    assert (gone.status, led.status) == (499, 200)
    assert gone.waited > led.waited == 0
    assert script.count == 2, "its request was never sent"


def test_a_fault_of_ours_lets_all_go(start: Start, raw: RawUpstream) -> None:
    running, script = scripted(start, raw)
    for event in script.let:
        event.set()

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    running.gateway.line._followers.arrive = fail  # type: ignore[method-assign, assignment]
    assert post(running, asked(SHARED)).is_success
    assert 'faults_total{kind="follow"} 1.0' in running.metrics()
