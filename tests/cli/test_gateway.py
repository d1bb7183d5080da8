"""``headstart gateway`` as its users meet it: a process, a ledger, alarms, signals."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from headstart.ledger import Reader, Which
from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts
from tests.cli.conftest import Command
from tests.waiting import wait_until

RULES = "The mill of Kalmar grinds rye. " * 400


@pytest.fixture
def upstream() -> Iterator[str]:
    with EmbeddedServer(create_emulator(State(emulated_accounts())), grace=0.1) as server:
        yield server.url


@pytest.fixture
def hook() -> Iterator[tuple[str, list[Any]]]:
    """A webhook's address, and what was posted there."""
    posted: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/geheim", posted
    server.shutdown()
    server.server_close()


def configured(folder: Path, upstream: str, *lines: str) -> None:
    table = ["port = 0", *lines, "[upstream.anthropic]", f'base_url = "{upstream}"']
    (folder / "headstart.toml").write_text("\n".join(table))


def url_of(line: str) -> str:
    return line.split(" at ")[1]


def ask(url: str, number: int) -> None:
    asked = {
        "model": "claude-opus-5",
        "max_tokens": 8,
        "system": f"{number}. {RULES}",
        "messages": [{"role": "user", "content": "x"}],
    }
    headers = {"x-api-key": "sk-1", "anthropic-version": "2023-06-01"}
    assert httpx.post(f"{url}/v1/messages", json=asked, headers=headers).status_code == 200


def test_requests_are_in_the_ledger_when_it_ends(
    headstart: Command, tmp_path: Path, upstream: str
) -> None:
    configured(tmp_path, upstream, 'ledger = "mine.db"')
    gateway = headstart("gateway")
    ask(url_of(gateway.until("Headstart stands before")), 1)
    gateway.interrupt(signal.SIGTERM)
    status, _, err = gateway.end()
    assert (status, "Traceback" in err) == (0, False)
    with Reader.open(tmp_path / "mine.db") as reader:
        assert reader.totals(Which()).requests == 1


def test_alarms_reach_the_log_a_webhook_and_a_scrape(
    headstart: Command, tmp_path: Path, upstream: str, hook: tuple[str, list[Any]]
) -> None:
    address, posted = hook
    alerts = ["[alerts]", "every = 0.1", "least_requests = 3", "prefix_churn = 2"]
    configured(tmp_path, upstream, *alerts)
    gateway = headstart("gateway", "--alert-webhook", address, "--alert-spend", "0.000001")
    url = url_of(gateway.until("Headstart stands before"))
    for number in range(4):
        ask(url, number)
    wait_until(
        lambda: {"spend", "prefix_churn"} <= {a["rule"] for p in posted for a in p["alerts"]}
    )
    assert all(alert["raised"] for post in posted for alert in post["alerts"])
    shown = httpx.get(f"{url}/metrics").text
    assert 'headstart_alert{group="all",rule="spend"} 1.0' in shown
    assert 'headstart_alert{group="all",rule="prefix_churn"} 1.0' in shown
    gateway.interrupt()
    status, _, err = gateway.end()
    assert status == 0
    assert "alert spend: all: spend $" in err
    assert "geheim" not in err + shown


def test_alarms_can_be_switched_off(headstart: Command, tmp_path: Path, upstream: str) -> None:
    configured(tmp_path, upstream, "[alerts]", "enabled = false")
    gateway = headstart("gateway", "--ledger", "off")
    url = url_of(gateway.until("Headstart stands before"))
    ask(url, 1)
    assert "headstart_alert" not in httpx.get(f"{url}/metrics").text
    gateway.interrupt()
    assert gateway.end()[0] == 0
    assert not (tmp_path / "headstart-ledger.db").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--alert-webhook", "nowhere"), "webhook"),
        (("--alert-spend", "-1"), "spend"),
        (("--ledger", "mysql://x/y"), "SQLite or PostgreSQL"),
    ],
)
def test_what_cannot_be(
    headstart: Command, tmp_path: Path, upstream: str, arguments: tuple[str, ...], told: str
) -> None:
    configured(tmp_path, upstream)
    status, _, err = headstart("gateway", *arguments).end()
    assert status == 2
    assert told in err
    assert "Traceback" not in err
