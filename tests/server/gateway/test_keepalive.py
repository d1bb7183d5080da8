"""Pings that keep a prompt cached between two requests, over real sockets. The gateway runs on
the emulating server's clock, which the tests move."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from multidict import CIMultiDict
from yarl import URL

from headstart.planner import Outcome, Plan, TrafficPlanner, Wake
from headstart.server import EmbeddedServer
from headstart.server.emulate import State
from headstart.server.gateway import Upstream, create_gateway, parse_upstreams
from headstart.server.gateway.keepalive import MOST_AT_ONCE, KeepAlive, Purse
from headstart.server.gateway.pings import retry_after
from headstart.usage import RequestRecord
from tests.server.gateway.conftest import Running, Start, wait_until_pinged
from tests.server.gateway.raw import RawUpstream, resetting, response, sending, silent
from tests.server.gateway.test_fidelity import ANSWER
from tests.waiting import HANGS, wait_until

TEXT = "The mill of Kalmar grinds rye. " * 400
TOOL = {"name": "t", "input_schema": {"type": "object"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
AHEAD = 285.0
Emulated = tuple[str, State]


class Always(TrafficPlanner):
    """Pings all that was written, up to ``most`` times each."""

    def __init__(self, most: int = 100) -> None:
        super().__init__()
        self._most = most

    def settle(self, plan: Plan, outcome: Outcome) -> Wake | None:
        super().settle(plan, outcome)
        return Wake(outcome.started + AHEAD, plan.serial, 0) if plan.placements else None

    def due(self, wake: Wake, now: float) -> bool:
        return wake.pings < self._most and now < wake.at + 15

    def pinged(self, wake: Wake, outcome: Outcome) -> Wake | None:
        again = Wake(outcome.started + AHEAD, wake.serial, wake.pings + 1)
        return again if outcome.ok else None


class Scene:
    """A gateway with keep-alive whose clock stands until it is moved."""

    def __init__(self, running: Running, state: State) -> None:
        self.running = running
        self.clock = state.clock
        self.clock.stop()

    @property
    def keep(self) -> KeepAlive:
        return self.running.gateway.keep_alive

    @property
    def pings(self) -> list[RequestRecord]:
        return [record for record in self.running.kept if record.plan == "ping"]

    def ask(self, **fields: Any) -> httpx.Response:
        """A request to Anthropic."""
        body = {
            "model": "claude-sonnet-4-6",
            "max_tokens": 64,
            "system": TEXT,
            "messages": [{"role": "user", "content": "x"}],
            **fields,
        }
        headers = {"x-api-key": "sk-ant-secret", "idempotency-key": "once"}
        return self.post("/v1/messages", body, headers)

    def post(self, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        """A request, seen through to its record and beyond."""
        count = len(self.running.kept)
        got = httpx.post(self.running.url + path, json=body, headers=headers)
        self.running.records(count + 1)
        httpx.get(f"{self.running.url}/healthz")  # what follows the record is done by then
        return got

    def wait(self, seconds: float) -> None:
        """Let time go by, and all be done that is due by then."""
        self.clock.advance(seconds)
        self.keep.nudge()
        wait_until_pinged(self.keep, self.clock.now)


@pytest.fixture
def scene(start: Start, emulator: Emulated) -> Callable[..., Scene]:
    """Makes one; options are those of the upstream, but for ``url`` and ``planner``."""

    def made(url: str = "", planner: TrafficPlanner | None = None, **options: Any) -> Scene:
        given = {"provider": "anthropic", "keep_alive": True, **options}
        upstream = Upstream(base_url=url or emulator[0], **given)
        name, clock = given["provider"], emulator[1].clock.now
        running = start({name: upstream}, planner=planner or Always(), clock=clock)
        return Scene(running, emulator[1])

    return made


Make = Callable[..., Scene]


def test_an_entry_lives_on(scene: Make) -> None:
    shown = scene()
    first = shown.ask(stream=True)
    assert first.status_code == 200
    for _ in range(4):
        shown.wait(AHEAD)
    assert shown.ask().json()["usage"]["cache_read_input_tokens"] > 2000
    records = shown.pings
    written = shown.running.kept[0].usage.written
    assert [(r.status, r.usage.read, r.usage.written, r.usage.output) for r in records] == [
        (200, written, 0, 0)
    ] * 4
    assert all(r.predicted == r.usage and not r.estimated for r in records)
    assert all(r.cost and r.cost_uncached == 0 and r.ttft is None for r in records)
    assert {r.route for r in records} == {"anthropic"}
    assert len({r.id for r in shown.running.kept}) == 6
    text = shown.running.metrics()
    assert 'headstart_gateway_pings_total{status="200",upstream="anthropic"} 4.0' in text


def test_without_it_the_entry_is_gone(scene: Make) -> None:
    shown = scene(keep_alive=False)
    shown.ask()
    shown.wait(4 * AHEAD)
    assert shown.ask().json()["usage"]["cache_read_input_tokens"] == 0
    assert len(shown.keep) == 0


def test_it_is_learned_from_traffic_that_it_pays(scene: Make, emulator: Emulated) -> None:
    """Every 7 minutes the same question, to a cache that forgets after 5."""
    shown = scene(f"{emulator[0]}/qwen", TrafficPlanner(), provider="qwen")
    body = {
        "model": "qwen3.7-max",
        "enable_thinking": False,
        "messages": [{"role": "system", "content": TEXT}, {"role": "user", "content": "x"}],
    }
    for _ in range(30):
        assert shown.post("/qwen/v1/chat/completions", body, {}).status_code == 200
        shown.wait(287.0)
        shown.wait(133.0)
    asked = [record for record in shown.running.kept if record.plan != "ping"]
    assert [record.usage.read > 0 for record in asked[:2]] == [False, False]
    assert all(record.usage.read > 2000 for record in asked[-10:])
    assert 10 < len(shown.pings) < 30
    spent = sum(record.cost or 0.0 for record in [*asked[-10:], *shown.pings[-10:]])
    assert spent < 0.5 * sum(record.cost_uncached or 0.0 for record in asked[-10:])


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [TOOL, SEARCH]},
        {"mcp_servers": [{"type": "url", "url": "https://a.example", "name": "m"}]},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2048},
    ],
)
def test_no_ping_with_server_tools_or_where_none_is_legal(
    scene: Make, raw: RawUpstream, fields: dict[str, Any]
) -> None:
    shown = scene(raw.url)
    raw.answer = sending(response(ANSWER))
    assert shown.ask(**fields).status_code == 200
    shown.wait(AHEAD)
    assert (len(raw.bodies), len(shown.keep)) == (1, 0)


def test_a_ping_is_the_request_but_for_its_limit(scene: Make, raw: RawUpstream) -> None:
    shown = scene(raw.url)
    raw.answer = sending(response(ANSWER))
    shown.ask(tools=[TOOL], stream=True)
    shown.wait(AHEAD)
    first, ping = map(json.loads, raw.bodies)
    assert ping == {**first, "max_tokens": 0, "stream": False}
    assert "cache_control" in json.dumps(ping)
    lines = [set(head.lower().split(b"\r\n")) for head in raw.heads]
    differ = {line.split(b":")[0] for line in lines[0] ^ lines[1]}
    assert differ == {b"idempotency-key"}, "and the two bodies happen to be as long"


@pytest.mark.parametrize("dated", [False, True])
def test_429_stops_the_pings(scene: Make, raw: RawUpstream, dated: bool) -> None:
    shown = scene(raw.url)
    raw.answer = sending(response(ANSWER))
    shown.ask(system=TEXT + "1")
    shown.wait(10)
    shown.ask(system=TEXT + "2")
    text = format_datetime(datetime.now(UTC) + timedelta(seconds=600)) if dated else "600"
    header = f"retry-after: {text}".encode()
    raw.answer = sending(response(b"{}", "429 Too Many Requests", header))
    shown.wait(AHEAD - 10)
    shown.wait(10)
    shown.wait(AHEAD)
    assert [record.status for record in shown.pings] == [429], "the second one was put off"
    assert len(shown.keep) == 1
    shown.wait(400)
    assert (len(raw.bodies), len(shown.keep)) == (3, 0), "and came too late"
    shown.wait(AHEAD)
    assert len(raw.bodies) == 3


def test_a_clients_429_stops_them_for_a_while(scene: Make, raw: RawUpstream) -> None:
    shown = scene(raw.url)
    raw.answer = sending(response(ANSWER))
    shown.ask()
    shown.wait(AHEAD - 10)
    raw.answer = sending(response(b"{}", "429 Too Many Requests"))
    assert shown.ask(system="Other.").status_code == 429
    shown.wait(60)
    assert len(raw.bodies) == 2
    assert len(shown.keep) == 0


@pytest.mark.parametrize("cut", [b"HTTP/1.1 500 No\r\n\r\n", b"\x00\r\n\r\n"])
def test_a_failed_ping_is_the_last_one(scene: Make, raw: RawUpstream, cut: bytes) -> None:
    shown = scene(raw.url)
    raw.answer = sending(response(ANSWER))
    shown.ask()
    raw.answer = resetting(cut)
    shown.wait(AHEAD)
    shown.wait(AHEAD)
    assert len(raw.bodies) == 2
    assert [record.usage.input for record in shown.pings] == [0]
    assert len(shown.keep) == 0


def test_shutdown_stops_them(start: Start, emulator: Emulated, raw: RawUpstream) -> None:
    upstream = Upstream(base_url=raw.url, provider="anthropic", keep_alive=True)
    clock, kept = emulator[1].clock, list[RequestRecord]()
    clock.stop()
    gateway = create_gateway(
        {"anthropic": upstream}, sink=kept.append, planner=Always(), clock=clock.now
    )
    raw.answer = sending(response(ANSWER))
    with EmbeddedServer(gateway, lifespan=True, grace=0.1) as server:
        scene = Scene(Running(server.url, gateway, kept), emulator[1])
        scene.ask()
        scene.ask(system=TEXT + "2")
        raw.answer = silent(raw)
        clock.advance(AHEAD)
        scene.keep.nudge()
        wait_until(lambda: len(raw.bodies) == 4)
        assert len(scene.keep) == 2
    assert raw.left.wait(HANGS), "the one under way is cut"
    assert (len(scene.keep), scene.keep.size) == (0, 0)
    assert [(record.status, record.cost) for record in scene.pings] == [(499, None)] * 2
    clock.advance(AHEAD)
    scene.keep.nudge()
    assert len(raw.bodies) == 4


def test_the_budget_stops_them(scene: Make) -> None:
    shown = scene(keep_alive_budget="0.002/hour")
    shown.ask()
    for _ in range(4):
        shown.wait(AHEAD)
    price = shown.pings[0].cost
    assert price
    assert len(shown.pings) == int(0.002 / price) in (1, 2)
    assert len(shown.keep) == 0
    assert 'faults_total{kind="keep_alive_budget"} 1.0' in shown.running.metrics()


def test_the_planner_stops_them(scene: Make) -> None:
    shown = scene(planner=Always(most=1))
    shown.ask()
    for _ in range(3):
        shown.wait(AHEAD)
    assert len(shown.pings) == 1
    assert len(shown.keep) == 0


def test_what_is_held_is_bounded(scene: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = scene()
    monkeypatch.setattr(shown.keep, "_most", (2, 1 << 20))
    for number in range(4):
        shown.ask(system=TEXT + str(number))
    assert len(shown.keep) == 2
    monkeypatch.setattr(shown.keep, "_most", (2, 2 * shown.keep.size // 3))
    shown.ask(system=TEXT + "5")
    assert len(shown.keep) == 1
    monkeypatch.setattr(shown.keep, "_most", (2, 10))
    shown.ask(system=TEXT + "6")
    shown.wait(AHEAD)
    assert len(shown.pings) == 1


def test_only_so_many_are_under_way(scene: Make, raw: RawUpstream) -> None:
    shown = scene(raw.url)
    raw.answer = sending(response(ANSWER))
    for number in range(MOST_AT_ONCE + 4):
        shown.ask(system=TEXT + str(number))
    before, go = len(raw.bodies), threading.Event()

    def answer(connection: socket.socket) -> None:
        go.wait(10)
        connection.sendall(response(ANSWER))

    raw.answer = answer
    shown.clock.advance(AHEAD)
    shown.keep.nudge()
    wait_until(lambda: len(raw.bodies) == before + MOST_AT_ONCE)
    shown.running.metrics()
    assert len(shown.keep._sending) == MOST_AT_ONCE
    go.set()
    wait_until(lambda: len(shown.pings) == MOST_AT_ONCE + 4)


def test_a_planner_that_raises_harms_no_one(scene: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = Always()
    shown = scene(planner=planner)
    shown.ask()
    monkeypatch.setattr(planner, "due", None)
    shown.wait(AHEAD)
    assert len(shown.keep) == 0
    assert shown.ask().status_code == 200
    assert 'faults_total{kind="keep_alive"} 1.0' in shown.running.metrics()


def test_credentials_are_in_nothing_that_is_written(
    scene: Make, raw: RawUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    planner = Always()
    shown = scene(raw.url, planner)
    raw.answer = sending(response(ANSWER))
    shown.ask()
    shown.wait(AHEAD)
    held = next(iter(shown.keep._held.values()))
    assert b"sk-ant-secret" in raw.heads[1]
    raw.answer = resetting(b"")
    shown.wait(AHEAD)
    said = caplog.text + repr(shown.running.kept) + shown.running.metrics() + repr(held)
    assert len(shown.pings) == 2
    assert "sk-ant-secret" not in said
    assert "Kalmar" not in said


def test_a_signature_of_the_clients_is_not_repeated(scene: Make, raw: RawUpstream) -> None:
    shown = scene(raw.url)
    raw.answer = sending(response(ANSWER))
    body = {"model": "claude-sonnet-4-6", "max_tokens": 9, "system": TEXT}
    asked = {**body, "messages": [{"role": "user", "content": "x"}]}
    shown.post("/v1/messages", asked, {"authorization": "AWS4-HMAC-SHA256 Credential=AKIA/x"})
    shown.wait(AHEAD)
    assert len(raw.bodies) == 1


def test_a_purse_is_filled_again() -> None:
    purse = Purse(1.0, 3600.0)
    assert purse.take(0.75, 100.0)
    assert not purse.take(0.75, 3600.0)
    purse.correct(0.75, 0.25)
    assert purse.take(0.75, 3600.0)
    assert not purse.take(0.01, 3699.0)
    assert purse.take(1.0, 3700.0)
    assert not purse.take(1.0, 10.0)  # the clock was set back
    assert purse.take(1.0, 3610.0)


def test_retry_after() -> None:
    assert retry_after(None) is None
    assert retry_after("soon") is None
    assert retry_after("7") == 7.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def test_bedrock_is_signed_anew(scene: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "GATEWAYKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "gateway-secret")
    shown = scene(provider="bedrock", auth="aws", region="us-east-1")
    signed: list[bytes] = []
    signer = shown.running.gateway.signers["bedrock"]
    sign = signer.sign

    def signing(method: str, url: URL, headers: CIMultiDict[str], body: bytes) -> None:
        sign(method, url, headers, body)
        signed.append(body)

    monkeypatch.setattr(signer, "sign", signing)
    asked = {
        "system": [{"text": TEXT}],
        "messages": [{"role": "user", "content": [{"text": "x"}]}],
    }
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert shown.post(f"/model/{model}/converse-stream", asked, {}).status_code == 200
    shown.wait(AHEAD)
    ping = shown.pings[0]
    assert (ping.status, ping.usage.written, ping.estimated) == (200, 0, False)
    assert ping.usage.read > 2000
    sent = [json.loads(body) for body in signed]
    assert sent[1] == {**sent[0], "inferenceConfig": {"maxTokens": 1}}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"keep_alive_budget": "5"}, "AMOUNT/hour"),
        ({"keep_alive_budget": "-1/day"}, "AMOUNT/hour"),
        ({"keep_alive_budget": "nan/day"}, "AMOUNT/hour"),
        ({"keep_alive": True, "mode": "observe"}, "needs mode"),
    ],
)
def test_what_a_table_may_say(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_upstreams({"anthropic": options})
    asked = {"keep_alive": True, "keep_alive_budget": "0.25/hour"}
    parsed = parse_upstreams({"anthropic": asked})["anthropic"]
    assert (parsed.keep_alive, parsed.keep_alive_limit) == (True, (0.25, 3600.0))
