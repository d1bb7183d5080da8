from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from headstart.ledger import (
    Alert,
    AlertRules,
    GaugeSink,
    Ledger,
    LogSink,
    Watch,
    WebhookSink,
)
from headstart.usage import Usage
from tests.ledger.samples import NOW, sample
from tests.waiting import wait_until

RAISED = Alert("spend", "all", True, 12.0, 10.0, "all: spend $12.00")


class Hook:
    """A server that answers POSTs with the statuses it is given, then 204."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self.release = threading.Event()
        self.release.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                hook.release.wait(20)
                self.send_response(hook.statuses.pop(0) if hook.statuses else 204)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?token=geheim"


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.release.set()
    made.server.shutdown()
    made.server.server_close()


def test_a_webhook_gets_what_changed_as_json(hook: Hook) -> None:
    sink = WebhookSink(hook.url)
    sink.tell([], [RAISED])
    sink.tell([RAISED], [RAISED])
    sink.close()
    (body,) = hook.bodies
    assert json.loads(body) == {"alerts": [RAISED._asdict()]}


def test_a_webhook_is_tried_three_times_and_its_address_kept_secret(
    hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    hook.statuses = [500, 302, 503, 500]
    sink = WebhookSink(hook.url, pause=0.01)
    with caplog.at_level(logging.DEBUG):
        sink.tell([RAISED], [RAISED])
        wait_until(lambda: "webhook" in caplog.text)
        sink.tell([RAISED], [RAISED])
        sink.close()
    assert len(hook.bodies) == 5, "three, then one that fails and one that does not"
    assert all(hook.bodies), "a redirect is not followed by a GET"
    assert "127.0.0.1: 503" in caplog.text
    assert "geheim" not in caplog.text


def test_a_webhook_that_hangs_holds_nobody_up(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    hook.release.clear()
    sink = WebhookSink(hook.url)
    for _ in range(100):
        sink.tell([RAISED], [RAISED])
    assert "left out" in caplog.text
    hook.release.set()
    sink.close()
    assert 64 <= len(hook.bodies) <= 66


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/x", "http://", "x"])
def test_a_webhook_is_http(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        WebhookSink(url)


def test_a_gauge_stands_while_the_alarm_does() -> None:
    registry = CollectorRegistry()
    sink = GaugeSink(registry)
    labels = {"rule": "spend", "group": "all"}
    sink.tell([RAISED], [RAISED])
    assert registry.get_sample_value("headstart_alert", labels) == 1
    sink.tell([RAISED._replace(raised=False)], [])
    assert registry.get_sample_value("headstart_alert", labels) is None


def test_the_watch_tells_the_log_once_and_again_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "l.db"
    now = NOW
    ledger = Ledger.open(path, delay=0.0, retention=None)
    for age in (3 * 86_400.0, 600.0):
        read = 90_000 if age > 3600 else 10_000
        for _ in range(60):
            usage = Usage(fresh=100_000 - read, read=read)
            ledger.record(sample(time=now - age, usage=usage))
    assert ledger.flush()
    watch = Watch(str(path), AlertRules(), [LogSink()], clock=lambda: now)
    with caplog.at_level(logging.INFO, "headstart.ledger"):
        watch.look()
        watch.look()
        assert caplog.text.count("alert weekly_level: claude/claude-sonnet-5") == 1
        for _ in range(600):
            ledger.record(sample(time=now - 5, usage=Usage(fresh=10_000, read=90_000)))
        assert ledger.flush()
        watch.look()
        assert caplog.text.count("alert weekly_level is over") == 1
        assert caplog.text.count("alert ") == 2
    watch.stop()
    ledger.close()


def test_a_watch_without_a_ledger_goes_on_looking(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "l.db"
    rules = AlertRules(every=0.01, spend=1.0)
    registry = CollectorRegistry()
    watch = Watch(str(path), rules, [GaugeSink(registry)], clock=lambda: NOW)
    watch.start()
    wait_until(lambda: "no such ledger" in caplog.text)
    ledger = Ledger.open(path, delay=0.0, retention=None)
    ledger.record(sample(time=NOW - 1, cost=2.0))
    labels = {"rule": "spend", "group": "all"}
    wait_until(lambda: registry.get_sample_value("headstart_alert", labels))
    watch.stop()
    assert not watch.is_alive()
    ledger.close()
    assert caplog.text.count("no such ledger") == 1
