"""Requests that begin alike and come together: one writes, the others wait and read."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import httpx
import pytest

from headstart.server.emulate import State
from headstart.server.gateway import Upstream
from headstart.usage import RequestRecord
from tests.server.gateway.conftest import Running, Start
from tests.server.gateway.raw import RawUpstream, response, stream
from tests.waiting import wait_until

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


def together(running: Running, *asks: tuple[bytes, str]) -> list[httpx.Response]:
    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(lambda ask: post(running, *ask), asks))


SHARED = "The mill of Kalmar grinds rye. " * 400


def teach(running: Running, key: str = "sk-1") -> None:
    """What a time to first byte is like here: that of a prompt four times as long."""
    assert post(running, asked(f"{key} The lock of Trondheim opens. " * 1600), key).is_success


def waits(running: Running) -> dict[str, int]:
    return dict(running.gateway.metrics.waits)


def rest(running: Running, count: int) -> list[RequestRecord]:
    """The records of all requests but the first, which taught."""
    first, *others = running.records(count + 1)
    assert first.waited == 0
    return others


def test_one_writes_and_the_others_read(start: Start, emulator: tuple[str, State]) -> None:
    url, state = emulator
    state.seconds_per_1k = 0.1
    running = start(route(url))
    teach(running)
    answers = together(running, *((asked(SHARED, n), "sk-1") for n in range(COUNT)))
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


def test_without_the_route_s_consent_nobody_waits(
    start: Start, emulator: tuple[str, State]
) -> None:
    url, state = emulator
    state.seconds_per_1k = 0.1
    running = start({"anthropic": Upstream(base_url=url, provider="anthropic")})
    teach(running)
    together(running, *((asked(SHARED, n), "sk-1") for n in range(3)))
    assert [record.usage.read for record in rest(running, 3)] == [0, 0, 0]
    assert waits(running) == {}


def test_a_leader_that_does_not_stream_makes_nobody_wait(
    start: Start, emulator: tuple[str, State]
) -> None:
    url, state = emulator
    state.seconds_per_1k = 0.1
    running = start(route(url))
    teach(running)
    asks = [(asked(SHARED, n, streams=False), "sk-1") for n in range(3)]
    assert all(answer.is_success for answer in together(running, *asks))
    assert [record.waited for record in rest(running, 3)] == [0, 0, 0]


def test_a_primer_of_the_client_s_own_leads(start: Start, emulator: tuple[str, State]) -> None:
    url, state = emulator
    state.seconds_per_1k = 0.1
    running = start(route(url))
    teach(running)
    with ThreadPoolExecutor(1) as pool:
        primer = pool.submit(post, running, asked(SHARED, streams=False, most=0))
        wait_until(lambda: state.journal.count == 2)
        assert post(running, asked(SHARED, 1, streams=False)).is_success
        assert primer.result().is_success
    primed, follower = rest(running, 2)
    assert follower.waited > primed.waited == 0
    assert follower.usage.read == primed.usage.written > 0


def test_two_tenants_never_wait_for_each_other(start: Start, emulator: tuple[str, State]) -> None:
    url, state = emulator
    state.seconds_per_1k = 0.1
    running = start(route(url))
    teach(running, "sk-1")
    teach(running, "sk-2")
    together(running, (asked(SHARED), "sk-1"), (asked(SHARED), "sk-2"))
    records = running.records(4)[2:]
    assert len({record.tenant for record in records}) == 2
    assert [record.waited for record in records] == [0, 0]


class Script:
    """Answers in turn: the first one slowly, the others when they are let go."""

    def __init__(self, *failing: int) -> None:
        self.failing = failing
        self.let = [threading.Event() for _ in range(COUNT + 2)]
        self.count = 0

    def __call__(self, connection: socket.socket) -> None:
        number, self.count = self.count, self.count + 1
        if number == 0:
            time.sleep(1.0)
        else:
            self.let[number].wait(10)
        failed = response(b'{"type":"error"}', "529 Overloaded")
        connection.sendall(failed if number in self.failing else stream(OPENING))


def scripted(start: Start, raw: RawUpstream, *failing: int) -> tuple[Running, Script]:
    running = start(route(raw.url))
    raw.answer = script = Script(*failing)
    teach(running)
    return running, script


def held(running: Running) -> int:
    return len(running.gateway.line)


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
    running, script = scripted(start, raw)
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(post, running, asked(SHARED))
        wait_until(lambda: script.count == 2)
        script.let[2].set()
        assert post(running, asked(SHARED, 1)).is_success
        assert not leader.done()
        script.let[1].set()
        assert leader.result().is_success
    assert waits(running) == {"late": 1}


def test_a_client_that_leaves_gives_up_its_place(start: Start, raw: RawUpstream) -> None:
    running, script = scripted(start, raw)
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(post, running, asked(SHARED))
        wait_until(lambda: script.count == 2)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{running.url}/v1/messages",
                content=asked(SHARED, 1),
                headers={"x-api-key": "sk-1"},
                timeout=0.2,
            )
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
