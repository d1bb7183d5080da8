"""What goes wrong at the upstream is what the client gets, or a clear error; what goes wrong
in the gateway, nobody notices."""

from __future__ import annotations

import json
import socket

import httpx
import openai
import pytest

from headstart.planner import Plan, PlannedRequest, TrafficPlanner
from headstart.server.gateway import Upstream
from headstart.usage import RequestRecord
from tests.leaving import leaving
from tests.server.gateway.conftest import Running, Start, upstreams
from tests.server.gateway.raw import RawUpstream, resetting, response, sending, silent, stream
from tests.server.gateway.test_fidelity import ANSWER, body, post
from tests.waiting import HANGS, wait_until

EVENT = b'event: message_start\ndata: {"type":"message_start"}\n\n'


def chat(running: Running) -> httpx.Response:
    asked = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "x"}]}
    return httpx.post(f"{running.url}/v1/chat/completions", json=asked)


def test_an_upstream_that_is_down(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    running = start(upstreams(url))
    got = post(running.url, body())
    assert (got.status_code, got.json()["type"]) == (502, "error")
    assert "cannot be reached" in got.json()["error"]["message"]
    assert "cannot be reached" in chat(running).json()["error"]["message"]
    assert running.records(2)[0].status == 502


def test_an_upstream_that_does_not_answer(start: Start, raw: RawUpstream) -> None:
    slow = Upstream(base_url=raw.url, provider="anthropic", read_timeout=0.2)
    running = start({"anthropic": slow})
    raw.answer = silent(raw)
    got = post(running.url, body())
    assert got.status_code == 504
    assert "in time" in got.json()["error"]["message"]
    assert len(raw.bodies) == 1


@pytest.mark.parametrize(
    "garbage",
    [b"\x00\x01\x02\x03\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n: x\r\n\r\n"],
)
def test_garbage(start: Start, raw: RawUpstream, garbage: bytes) -> None:
    running = start(upstreams(raw.url))
    raw.answer = resetting(garbage)
    got = post(running.url, body())
    assert got.status_code == 502
    assert got.json()["type"] == "error"
    assert len(raw.bodies) == 1, "a request is never sent twice"


def test_a_connection_reset_before_the_answer(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    raw.answer = resetting(b"")
    assert post(running.url, body()).status_code == 502
    httpx.get(f"{running.url}/v1/models")
    assert len(raw.bodies) == 2, "nor is a GET"


@pytest.mark.parametrize(
    "cut", [stream(EVENT, whole=False), response(ANSWER)[:-10]], ids=["chunked", "sized"]
)
def test_a_cut_response_is_cut_for_the_client(start: Start, raw: RawUpstream, cut: bytes) -> None:
    running = start(upstreams(raw.url))
    raw.answer = resetting(cut)
    with pytest.raises(httpx.RemoteProtocolError):
        post(running.url, body())
    assert running.records(1)[0].status == 200
    raw.answer = sending(response(ANSWER))
    post(running.url, body())
    assert running.records(2)[1].predicted.read == 0, "a cut response writes no entry"  # type: ignore[union-attr]


def test_a_refusal_goes_on_as_it_is(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    told = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}'
    raw.answer = sending(response(told, "429 Too Many Requests", b"retry-after: 7"))
    got = post(running.url, body())
    assert (got.status_code, got.headers["retry-after"], got.content) == (429, "7", told)
    record = running.records(1)[0]
    assert (record.status, record.usage.input, record.cost) == (429, 0, 0.0)
    raw.answer = sending(response(ANSWER))
    post(running.url, body())
    assert running.records(2)[1].predicted.read == 0  # type: ignore[union-attr]


def test_a_client_that_leaves_ends_the_upstreams_request(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    raw.answer = silent(raw)
    with leaving(running.url, "/v1/messages", body()):
        wait_until(lambda: raw.bodies)
    assert raw.left.wait(HANGS)
    assert running.records(1)[0].status == 499


def test_a_client_that_leaves_a_stream(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    raw.answer = silent(raw, stream(EVENT, whole=False))
    with httpx.stream("POST", f"{running.url}/v1/messages", content=body(stream=True)) as got:
        assert next(got.iter_raw()) == EVENT
    assert raw.left.wait(HANGS)
    assert running.records(1)[0].status == 499


def test_a_client_that_leaves_once_it_has_all(start: Start, raw: RawUpstream) -> None:
    """The SDK of OpenAI does at ``[DONE]``, which need not come with the stream's own end."""
    running = start(upstreams(raw.url))
    stop = {"choices": [{"index": 0, "delta": {"content": "y"}, "finish_reason": "stop"}]}
    told = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
    events = [b"data: %s\n\n" % json.dumps(each).encode() for each in (stop, told)]
    raw.answer = silent(raw, stream(*events, b"data: [DONE]\n\n", whole=False))
    client = openai.OpenAI(base_url=f"{running.url}/v1", api_key="k", max_retries=0)
    asked = [{"role": "user", "content": "x"}]
    list(client.chat.completions.create(model="gpt-4.1", messages=asked, stream=True))  # type: ignore[call-overload]
    record = running.records(1)[0]
    assert (record.status, record.usage.input, record.estimated) == (200, 9, False)
    assert raw.left.wait(HANGS)


def test_a_client_that_leaves_while_it_sends(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    host, port = running.url[7:].split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    wait_until(lambda: "headstart_gateway_running 0.0" in running.metrics())
    assert raw.bodies == []


def test_a_slow_client_holds_the_upstream_back(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    sent = [0]

    def answer(connection: socket.socket) -> None:
        connection.settimeout(1.0)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 200000000\r\n\r\n")
        try:
            while sent[0] < 200_000_000:
                connection.sendall(b"x" * 100_000)
                sent[0] += 100_000
        except TimeoutError:
            raw.left.set()

    raw.answer = answer
    with httpx.stream("POST", f"{running.url}/v1/messages", content=body()) as got:
        assert next(got.iter_raw(1000))
        assert raw.left.wait(30), "the upstream could send all"
    assert sent[0] < 50_000_000


class Broken(TrafficPlanner):
    """Raises at every step."""

    def plan(self, request: PlannedRequest, now: float) -> Plan:
        raise RuntimeError("no plan")


def test_a_planner_that_raises(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url), planner=Broken())
    sent = body()
    raw.answer = sending(response(ANSWER))
    for _ in range(2):
        assert post(running.url, sent).content == ANSWER
    assert raw.bodies == [sent, sent]
    assert 'headstart_gateway_faults_total{kind="plan"} 2.0' in running.metrics()


def test_a_record_that_cannot_be_kept(start: Start, raw: RawUpstream) -> None:
    def full(record: RequestRecord) -> None:
        raise OSError("disk full")

    running = start(upstreams(raw.url), sink=full)
    raw.answer = sending(response(ANSWER))
    for _ in range(2):
        assert post(running.url, body()).content == ANSWER
    wait_until(lambda: 'faults_total{kind="record"} 2.0' in running.metrics())


def test_usage_that_is_garbage(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    for answer in (b"[" * 100_000, b'{"usage":{"input_tokens":-5}}', b'{"usage":[]}', b"\xff"):
        raw.answer = sending(response(answer))
        assert post(running.url, body()).content == answer
    raw.answer = sending(response(b"no gzip", "200 OK", b"content-encoding: gzip"))
    with httpx.stream("POST", f"{running.url}/v1/messages", content=body()) as got:
        assert b"".join(got.iter_raw()) == b"no gzip"
    assert all(record.estimated for record in running.records(5))


def test_a_thousand_idle_streams(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    raw.answer = silent(raw, stream(EVENT, whole=False))
    host, port = running.url[7:].split(":")
    sent = json.dumps({"model": "m", "max_tokens": 1, "stream": True, "messages": []}).encode()
    head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: {len(sent)}\r\n\r\n"
    clients = [socket.create_connection((host, int(port))) for _ in range(1000)]
    try:
        for client in clients:
            client.sendall(head.encode() + sent)
        for client in clients:
            client.settimeout(30)
            got = b""
            while EVENT not in got:
                got += client.recv(65536)
        assert "headstart_gateway_running 1000.0" in running.metrics()
        raw.answer = sending(response(ANSWER))
        assert post(running.url, body()).content == ANSWER
    finally:
        for client in clients:
            client.close()
    wait_until(lambda: "headstart_gateway_running 0.0" in running.metrics())
