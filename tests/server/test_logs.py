from __future__ import annotations

import json
import logging
import queue
from collections.abc import Iterator

import pytest

from headstart.server.logs import JsonFormatter, TextFormatter
from tests.leaving import leaving
from tests.server.conftest import Serve
from tests.server.scripted import ScriptedEngine, hang, say
from tests.waiting import HANGS, wait_until

SECRET = "the-secret-prompt"
KEY = "the-secret-key"
BODY = {"model": "scripted", "max_tokens": 8, "messages": [{"role": "user", "content": SECRET}]}


class Lines(logging.Handler):
    """Collects the server's log records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: queue.Queue[logging.LogRecord] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.put(record)

    def take(self, count: int = 1) -> list[logging.LogRecord]:
        """The next ``count`` records, which may still be on their way, and no more."""
        taken = [self.records.get(timeout=10) for _ in range(count)]
        assert self.records.empty()
        return taken


@pytest.fixture
def lines() -> Iterator[Lines]:
    logger = logging.getLogger("headstart.server")
    handler, level = Lines(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(level)
    logger.removeHandler(handler)


def test_one_line_a_request_with_its_figures(serve: Serve, lines: Lines) -> None:
    client = serve(ScriptedEngine(say("a", "b", read=4)), api_keys={"acme": KEY})
    response = client.post("/v1/messages", json=BODY, headers={"x-api-key": KEY})
    client.get("/healthz")
    (line,) = lines.take()
    fields = json.loads(JsonFormatter().format(line))
    assert fields["event"] == "request"
    assert fields["request_id"] == response.headers["request-id"]
    assert (fields["tenant"], fields["dialect"], fields["model"]) == (
        "acme",
        "anthropic",
        "scripted",
    )
    assert (fields["status"], fields["prompt_tokens"], fields["read"]) == (200, 10, 4)
    assert (fields["written"], fields["output_tokens"]) == (0, 2)
    assert 0 < fields["ttft_ms"] <= fields["total_ms"]
    assert TextFormatter().format(line).count("\n") == 0


def test_neither_prompts_nor_keys_are_logged(serve: Serve, lines: Lines) -> None:
    engine = ScriptedEngine()
    client = serve(engine, api_keys={"acme": KEY})
    headers = {"x-api-key": KEY}
    client.post("/v1/messages", json=BODY, headers=headers)
    client.post("/v1/messages", json={**BODY, "model": SECRET}, headers=headers)
    client.post("/v1/messages", content=SECRET, headers=headers)
    client.post("/v1/messages", json={**BODY, "messages": [{SECRET: SECRET}]}, headers=headers)
    client.get(f"/{SECRET}", headers=headers)
    engine.fault = RuntimeError(SECRET)
    assert client.post("/v1/messages", json=BODY, headers=headers).status_code == 500
    records = lines.take(6)
    for formatter in (JsonFormatter(), TextFormatter()):
        text = "".join(formatter.format(line) for line in records)
        assert SECRET not in text
        assert KEY not in text
    assert json.loads(JsonFormatter().format(records[-1]))["fault"].startswith("RuntimeError at ")


def test_a_client_that_left_is_a_499(serve: Serve, lines: Lines) -> None:
    engine = ScriptedEngine(hang())
    client = serve(engine)
    with leaving(str(client.base_url), "/v1/messages", json.dumps(BODY).encode()):
        wait_until(lambda: engine.tickets)
    assert engine.tickets[0].cancelled.wait(HANGS)
    (line,) = lines.take()
    assert json.loads(JsonFormatter().format(line))["status"] == 499
