"""Real requests through a gateway to three replicas: what stays, what spreads, what fails."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from headstart.server import EmbeddedServer
from tests.server.gateway.raw import RawUpstream, resetting, response, sending, stream
from tests.server.replicas.conftest import Raise, Site, ask, read_of, user
from tests.waiting import wait_until

SYSTEM = {"role": "system", "content": "You are of few words. " * 40}


def test_conversations_stay_where_their_prefix_is(site: Raise) -> None:
    running = site()
    client, homes = running.client(), Counter[str]()
    conversations = [[SYSTEM, user(f"question {n} " * 400)] for n in range(12)]
    where: dict[int, str] = {}
    for turn in range(4):
        for number, messages in enumerate(conversations):
            name, answer = ask(client, messages)
            if turn:
                assert name == where[number]
                before = sum(len(m["content"]) for m in messages[:-2])
                assert read_of(answer) >= before - 16
            else:
                where[number] = name
                homes[name] += 1
            content = answer.choices[0].message.content
            messages += [{"role": "assistant", "content": content}, user("go on " * 20)]
    assert len(homes) == 3
    assert max(homes.values()) <= 8
    rows = running.rows()
    assert sum(row["requests"]["answered"] for row in rows.values()) == 48
    assert all(row["outstanding"] == row["waiting_tokens"] == 0 for row in rows.values())
    text = httpx.get(f"{running.url}/metrics").text
    assert "headstart_replica_tokens_total" in text
    assert 'outcome="answered"' in text
    assert "tenant" not in "".join(x for x in text.splitlines() if x.startswith("headstart_rep"))


def test_what_is_expected_is_what_is_read(site: Raise) -> None:
    """Engines with little room: usage and metrics correct what history believes."""
    running = site(capacity=400)
    client, rng = running.client(), random.Random(3)
    for _ in range(60):
        ask(client, [user(f"{rng.randrange(8)} has a prompt " * 60), user("and more")])
    counts = Counter[str]()
    for row in running.rows().values():
        counts.update(row["requests"])
        assert row["history_tokens"] <= 400 * 16, "the engine's own figure"
    assert counts["tokens_read"] > 10_000


def test_a_hot_prefix_spreads(site: Raise) -> None:
    running = site(pace=2e-5)
    client, hot = running.client(), "a prompt of many " * 100
    with ThreadPoolExecutor(24) as pool:
        names = list(pool.map(lambda n: ask(client, [user(hot), user(f"{n}" * 400)])[0], range(96)))
    counts = Counter(names)
    assert len(counts) == 3
    assert max(counts.values()) / 32 <= 1.25


def test_salts_and_ranks(site: Raise) -> None:
    running = site(1)
    name, url = next((n, f"http://{n}") for n in running.engines)
    assert running.admin({"action": "drain", "replica": name}).json()["state"] == "draining"
    for rank in (0, 1):
        table = {"url": url, "rank": rank, "events": None}
        assert running.admin({"action": "add", "table": table}).status_code == 200
    client = running.client()
    first, _ = ask(client, [user("some prompt " * 60)], extra_body={"cache_salt": "a"})
    again, answer = ask(client, [user("some prompt " * 60)], extra_body={"cache_salt": "a"})
    assert first == again
    assert read_of(answer) > 600
    assert first in (f"{name}#0", f"{name}#1")
    assert running.engines[name].headers[-1]["x-data-parallel-rank"] == first[-1]
    row = running.rows()[first]
    ask(client, [user("some prompt " * 60)], extra_body={"cache_salt": "b"})
    expected = sum(r["requests"].get("tokens_best", 0) for r in running.rows().values())
    assert expected == row["requests"]["tokens_best"], "another salt, another prompt"


def engine_process(port: int) -> subprocess.Popen[bytes]:
    """A replica that can be killed, once it listens."""
    command = [sys.executable, "-m", "tests.server.replicas.engine", str(port)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 30
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                return process
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Crowd:
    """Clients that stream one request after the other, until they are told to stop."""

    def __init__(self, site: Site, count: int) -> None:
        self.site = site
        self.refused: list[Exception] = []
        self.cut = 0
        self.whole = Counter[str]()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._go, args=(n,)) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _go(self, number: int) -> None:
        client, turn = self.site.client(), 0
        while not self._over.is_set():
            turn += 1
            try:
                name, chunks = ask(
                    client, [user(f"{number} {turn} " * 50)], stream=True, max_tokens=5
                )
            except openai.OpenAIError as error:
                self.refused.append(error)
                continue
            try:
                for _ in chunks:
                    pass
                self.whole[name] += 1
            except (httpx.HTTPError, openai.OpenAIError):
                self.cut += 1


def test_a_killed_replica_costs_no_request_that_had_not_begun(before: Any) -> None:
    ports = [free_port() for _ in range(3)]
    processes = []
    with ThreadPoolExecutor() as pool:
        processes = list(pool.map(engine_process, ports))
    try:
        running = before([f"http://127.0.0.1:{port}" for port in ports])
        crowd, victim = Crowd(running, 8), f"127.0.0.1:{ports[1]}"
        try:
            running.until(lambda rows: all(r["requests"].get("answered") for r in rows.values()))
            processes[1].kill()
            running.until(lambda rows: rows[victim]["state"] == "down")
            was = crowd.whole.total()
            wait_until(lambda: crowd.whole.total() > was + 50)
            assert crowd.cut <= 8, "streams that had begun there, one a client"
            processes[1].wait()
            processes[1] = engine_process(ports[1])
            running.until(lambda rows: rows[victim]["state"] == "up")
            was = crowd.whole[victim]
            wait_until(lambda: crowd.whole[victim] > was)
        finally:
            crowd.stop()
        assert crowd.refused == []
        assert all(crowd.whole[f"127.0.0.1:{port}"] for port in ports)
        assert crowd.whole[victim] > was, "it came back"
        rows = running.rows()
        assert all(row["outstanding"] == row["waiting_tokens"] == 0 for row in rows.values())
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_draining_lets_streams_end_and_takes_no_more(site: Raise) -> None:
    running = site()
    client = running.client()
    name, chunks = ask(client, [user("a long answer " * 40)], stream=True, max_tokens=60)
    got = [next(chunks)]
    assert running.admin({"action": "drain", "replica": name}).json()["state"] == "draining"
    assert running.rows()[name]["outstanding"] == 1
    others = {ask(client, [user("a long answer " * 40 + str(n))])[0] for n in range(8)}
    assert name not in others
    got += list(chunks)
    assert len(got) == 61
    running.until(lambda rows: rows[name]["outstanding"] == 0)
    assert running.admin({"action": "resume", "replica": name}).json()["state"] == "up"
    assert ask(client, [user("a long answer " * 40)])[0] == name, "it still has the prefix"
    assert running.admin({"action": "remove", "replica": name}).json()["state"] == "removed"
    assert name not in running.rows()
    assert ask(client, [user("a long answer " * 40)])[0] != name


def test_one_that_is_removed_ends_what_it_began(site: Raise) -> None:
    running = site()
    client = running.client()
    name, chunks = ask(client, [user("a long answer " * 40)], stream=True, max_tokens=30)
    next(chunks)
    table = {"url": f"http://{name}"}
    assert running.admin({"action": "remove", "replica": name}).status_code == 200
    assert running.admin({"action": "add", "table": table}).json()["outstanding"] == 0
    assert len(list(chunks)) == 30
    running.until(lambda rows: rows[name]["state"] == "up" and rows[name]["outstanding"] == 0)
    assert running.rows()[name]["requests"] == {}


def test_nobody_left(site: Raise) -> None:
    running = site(2)
    for name in running.engines:
        running.admin({"action": "drain", "replica": name})
    with pytest.raises(openai.InternalServerError) as refused:
        ask(running.client(), [user("hello")])
    assert refused.value.status_code == 503
    assert "no replica" in str(refused.value)


def test_bad_answers_go_to_the_client_and_count(site: Raise) -> None:
    running = site(2)
    client = running.client()
    name, _ = ask(client, [user("hello " * 60)])
    running.engines[name].status = 503
    for number in range(3):
        with pytest.raises(openai.InternalServerError):
            ask(client, [user("hello " * 60 + str(number))])
    assert running.rows()[name]["state"] == "down"
    assert ask(client, [user("hello " * 60)])[0] != name
    running.engines[name].status = 200
    running.until(lambda rows: rows[name]["state"] == "trying")
    assert any(ask(client, [user(f"{n} hello " * 60)])[0] == name for n in range(20))
    running.until(lambda rows: rows[name]["state"] == "up")


def test_other_paths_have_a_replica_too(site: Raise) -> None:
    running = site()
    assert [model.id for model in running.client().models.list()] == ["m"]
    sent = httpx.post(f"{running.url}/pool/v1/chat/completions", content=b"{not json")
    assert sent.status_code == 500
    assert sent.headers["x-headstart-replica"] in running.engines


@pytest.mark.parametrize(
    ("head", "status", "attempts"),
    [
        (b"", 200, 2),
        (stream(b"data: {}\n\n", whole=False), 200, 1),
        (response(b"{}", "500 Internal Server Error"), 500, 1),
    ],
)
def test_what_is_sent_again_and_what_is_not(
    before: Any, head: bytes, status: int, attempts: int
) -> None:
    """A connection that ends before a head goes on to another replica; nothing else does."""
    with RawUpstream() as first, RawUpstream() as second:
        for raw in (first, second):
            raw.answer = sending(response(b'{"choices":[]}'))
        running = before([first.url, second.url])
        body = {"model": "m", "messages": [user("x " * 200)]}
        url = f"{running.url}/v1/chat/completions"
        home = httpx.post(url, json=body).headers["x-headstart-replica"]
        ill = next(raw for raw in (first, second) if raw.url.endswith(home))
        well = second if ill is first else first
        ill.answer, done = resetting(head), count(first, second)
        if attempts == 1 and status == 200:
            with pytest.raises(httpx.HTTPError):
                httpx.post(url, json=body)
        else:
            assert httpx.post(url, json=body).status_code == status
        assert count(first, second) - done == attempts
        assert bool(count(well)) == (attempts == 2)


def count(*raws: RawUpstream) -> int:
    """Prompts that came; probes are not counted."""
    return sum(b"messages" in body for raw in raws for body in raw.bodies)


def test_our_own_server_as_a_replica(before: Any) -> None:
    from headstart.server import Settings, create_app
    from tests.server.scripted import ScriptedEngine, say

    engines = [ScriptedEngine(*[say("hello", read=n)] * 20) for n in (0, 4)]
    apps = [create_app(engine, Settings()) for engine in engines]
    with EmbeddedServer(apps[0], grace=0.1) as one, EmbeddedServer(apps[1], grace=0.1) as two:
        tables = [{"url": s.url, "kind": "headstart"} for s in (one, two)]
        running = before(tables, provider="sglang")
        client = running.client()
        options: dict[str, Any] = {"model": "scripted", "max_tokens": 4}
        for _ in range(3):
            raw = client.chat.completions.with_raw_response.create(
                messages=[{"role": "user", "content": "hi " * 50}], **options
            )
            assert raw.parse().choices[0].message.content == "hello"
        assert {len(engine.submitted) for engine in engines} == {0, 3}
        running.until(lambda rows: all(row["state"] == "up" for row in rows.values()))
