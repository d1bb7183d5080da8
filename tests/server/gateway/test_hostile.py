"""Bodies made to do harm, and a ledger that can't be written: nothing of it reaches anybody
else's request."""

from __future__ import annotations

import gc
import json
import logging
import resource
import signal
import sqlite3
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from headstart.ledger import Ledger, Reader, Which
from headstart.server.gateway import Upstream
from tests.cli.conftest import HEADSTART
from tests.server.gateway.conftest import Running, Start, upstreams
from tests.server.gateway.raw import RawUpstream, response, sending
from tests.server.gateway.test_credentials import HEADERS, SECRETS
from tests.server.gateway.test_fidelity import ANSWER, body, post
from tests.waiting import wait_until

DEEP = b"[" * 200_000 + b"]" * 200_000
TEXT = b'"' + b"\\u0041" * 300_000 + b'"'
BOMBS = {
    "deep content": b'{"model":"m","max_tokens":1,"messages":' + DEEP + b"}",
    "deep schema": b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],'
    b'"tools":[{"name":"t","input_schema":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001 + b"]}",
    "deep unknown field": b'{"model":"m","max_tokens":1,"x":' + DEEP + b',"messages":[]}',
    "many messages": b'{"model":"m","max_tokens":1,"messages":['
    + b",".join([b'{"role":"user","content":"x"}'] * 100_000)
    + b"]}",
    "many blocks": b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":['
    + b",".join([b'{"type":"text","text":"x"}'] * 100_000)
    + b"]}]}",
    "many members": b"{" + b",".join(b'"k%d":0' % n for n in range(200_000)) + b"}",
    "escapes": b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":' + TEXT + b"}]}",
    "twice deep inside": b'{"model":"m","max_tokens":1,"messages":[{"role":"user","role":"user",'
    b'"content":"x"}]}',
    "lone surrogate in a key": b'{"model":"m","max_tokens":1,"\\udc00":1,"messages":[]}',
    "long number": b'{"model":"m","max_tokens":1e' + b"9" * 100_000 + b',"messages":[]}',
    "long model": b'{"model":"' + b"m" * 1_000_000 + b'","max_tokens":1,"messages":[]}',
}
CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "x"}]}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path / "l.db", delay=0.0)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_go_on_and_do_nothing_here(
    start: Start, raw: RawUpstream, ledger: Ledger, name: str
) -> None:
    running = start(upstreams(raw.url), sink=ledger.record)
    raw.answer = sending(response(ANSWER))
    for path in ("v1/messages", "v1/chat/completions", "v1/responses"):
        got = httpx.post(f"{running.url}/{path}", content=BOMBS[name], timeout=60)
        assert got.content == ANSWER
    assert [len(arrived) for arrived in raw.bodies] == [len(BOMBS[name])] * 3
    assert raw.bodies == [BOMBS[name]] * 3
    assert post(running.url, body()).content == ANSWER
    assert ledger.flush(10)


def rows(path: Path) -> int:
    with Reader.open(path) as reader:
        return reader.totals(Which()).requests


def answered(running: Running, count: int) -> None:
    for _ in range(count):
        assert post(running.url, body()).content == ANSWER


def test_a_locked_ledger_is_waited_for_behind_the_answers(
    start: Start, raw: RawUpstream, ledger: Ledger, tmp_path: Path
) -> None:
    running = start(upstreams(raw.url), sink=ledger.record)
    raw.answer = sending(response(ANSWER))
    answered(running, 1)
    wait_until(lambda: ledger.written == 1)
    other = sqlite3.connect(tmp_path / "l.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    answered(running, 5)
    wait_until(lambda: ledger.failing)
    other.execute("ROLLBACK")
    wait_until(lambda: ledger.written == 6)
    assert rows(tmp_path / "l.db") == 6


def test_a_ledger_that_is_gone_is_begun_anew(
    start: Start, raw: RawUpstream, ledger: Ledger, tmp_path: Path
) -> None:
    running = start(upstreams(raw.url), sink=ledger.record)
    raw.answer = sending(response(ANSWER))
    answered(running, 2)
    wait_until(lambda: ledger.written == 2)
    for file in tmp_path.glob("l.db*"):
        file.unlink()
    answered(running, 3)
    wait_until(lambda: ledger.written == 5)
    assert rows(tmp_path / "l.db") == 3


def _small_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))


def test_a_full_disk_costs_rows_and_nothing_else(tmp_path: Path, raw: RawUpstream) -> None:
    raw.answer = sending(response(ANSWER))
    table = f'port = 0\n[upstream.anthropic]\nbase_url = "{raw.url}"\n'
    (tmp_path / "headstart.toml").write_text(table)
    gateway = subprocess.Popen(
        [HEADSTART, "gateway"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        preexec_fn=_small_files,
    )
    try:
        assert gateway.stdout is not None
        line = next(line for line in gateway.stdout if "stands before" in line)
        url = line.split(" at ")[1].strip()
        with httpx.Client(headers={"x-api-key": "k", "anthropic-version": "1"}) as client:
            for number in range(200):
                sent = body(f"{number} ")
                assert client.post(f"{url}/v1/messages", content=sent).content == ANSWER
        gateway.send_signal(signal.SIGTERM)
        _, err = gateway.communicate(timeout=60)
    finally:
        gateway.kill()
    assert gateway.returncode == 0
    assert "cannot be written, requests are served and counted" in err
    assert "requests have no row" in err
    assert "Traceback" not in err


def test_no_credential_is_in_the_ledger(
    start: Start,
    raw: RawUpstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("KEY", SECRETS[3])
    path = tmp_path / "l.db"
    kept = Ledger.open(path, delay=0.0)
    mine = Upstream(base_url=raw.url, provider="openai", auth="inject", key_env="KEY")
    given = {**upstreams(raw.url, store_prompts=True), "mine": mine}
    running = start(given, sink=kept.record)
    raw.answer = sending(response(ANSWER))
    seen = []
    for headers in HEADERS:
        for url in ("v1/messages", "v1beta/models/gemini-2.5-flash:generateContent"):
            content = body() if "messages" in url else b'{"contents":[{"parts":[{"text":"x"}]}]}'
            got = httpx.post(
                f"{running.url}/{url}?key={SECRETS[1]}&sig={SECRETS[2]}",
                content=content,
                headers=headers,
            )
            seen.append(repr(got.headers))
    httpx.post(f"{running.url}/mine/v1/chat/completions", json=CHAT)
    wait_until(lambda: kept.written == 2 * len(HEADERS) + 1)
    kept.close()
    written = b"".join(file.read_bytes() for file in tmp_path.glob("l.db*"))
    assert b"mill of Kalmar" in written, "where prompts are stored, these are there"
    logged = [r for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    lines = [f"{record.getMessage()} {record.__dict__}" for record in logged]
    told = "\n".join((*seen, running.metrics(), *lines))
    for secret in SECRETS:
        assert secret.encode() not in written
        assert secret not in told


def test_nonsense_in_every_setting_goes_on_as_it_is(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url, include_usage=True, store_prompts=True))
    raw.answer = sending(response(b"{}"))
    odd: list[Any] = [None, True, -1, {}, [[]]]
    for value in odd:
        for name in ("messages", "tools", "system", "stream", "metadata", "diagnostics", "model"):
            sent = json.dumps({**json.loads(body()), name: value}).encode()
            assert post(running.url, sent).status_code == 200
        sent = json.dumps({**CHAT, "stream": True, "stream_options": value}).encode()
        assert httpx.post(f"{running.url}/v1/chat/completions", content=sent).status_code == 200
    assert len(raw.bodies) == 8 * len(odd)


def test_long_names_are_not_remembered(start: Start, raw: RawUpstream) -> None:
    raw.answer = sending(response(ANSWER))
    running = start(upstreams(raw.url))
    post(running.url, body())
    running.records(1)
    long = "x" * (1 << 20)
    block = {"type": long, "text": "y" * 4096}
    tracemalloc.start()
    try:
        for number in range(6):
            sent = body(model=f"{number}{long}")
            assert post(running.url, sent).status_code == 200
            assert raw.bodies[-1] == sent
            turn = {"role": "user", "content": [{**block, "type": f"{number}{long}"}]}
            assert post(running.url, body(messages=[turn])).status_code == 200
        raw.bodies.clear()
        running.records(7)
        running.kept.clear()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 4 << 20
    finally:
        tracemalloc.stop()
