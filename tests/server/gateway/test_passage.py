"""What of a request's credentials reaches an upstream that wants others."""

from __future__ import annotations

import gc
import json
import socket
import time
from pathlib import Path

import httpx
import pytest

from headstart.server.gateway import Upstream
from headstart.server.gateway.exchange import Exchange
from headstart.server.gateway.passage import Passage
from tests.server.gateway.conftest import Start, upstreams
from tests.server.gateway.raw import RawUpstream, response, sending
from tests.waiting import wait_until

KEY = "gw-verysecret"
MESSAGES = [{"role": "user", "content": "x"}]


def test_a_gateway_key_in_the_query_goes_no_further(
    start: Start, raw: RawUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    aws = Upstream(base_url=raw.url, provider="bedrock", auth="aws", region="eu-north-1")
    running = start({"bedrock": aws}, keys={"acme": KEY})
    url = f"{running.url}/model/anthropic.claude-opus-5/converse?key={KEY}"
    asked = {"messages": [{"role": "user", "content": [{"text": "x"}]}]}
    assert httpx.post(url, json=asked).status_code == 200
    assert KEY.encode() not in raw.heads[0]


def test_credentials_that_cannot_be_renewed_are_a_clear_error(
    start: Start, raw: RawUpstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """botocore asks a command for them; what it prints is over, and then it fails."""
    once = {"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "s", "SessionToken": "t"}
    printed, config = tmp_path / "printed", tmp_path / "config"
    printed.write_text(json.dumps({**once, "Expiration": "2020-01-01T00:00:00Z"}))
    config.write_text(f"[default]\ncredential_process = cat {printed}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    aws = Upstream(base_url=raw.url, provider="bedrock", auth="aws", region="eu-north-1")
    running = start({"bedrock": aws})
    printed.unlink()
    asked = {"messages": [{"role": "user", "content": [{"text": "x"}]}]}
    got = httpx.post(f"{running.url}/model/anthropic.claude-opus-5/converse", json=asked)
    assert (got.status_code, raw.heads) == (500, [])  # as Bedrock words it
    assert "no AWS credentials" in got.json()["message"]
    assert running.records(1)[0].status == 500


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_what_is_over_is_gone_without_a_collection_of_garbage(
    start: Start, raw: RawUpstream, seconds: float
) -> None:
    """Collections are rare in a gateway, and a request's body may be large. A slow answer has
    a task beside it that looks for the client's leaving."""
    at_once = sending(response(b"{}"))

    def answer(connection: socket.socket) -> None:
        time.sleep(seconds)
        at_once(connection)

    raw.answer = answer
    running = start(upstreams(raw.url))
    asked = {"model": "claude-opus-5-5", "max_tokens": 9, "messages": MESSAGES}
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            assert httpx.post(f"{running.url}/v1/messages", json=asked).status_code == 200
        running.records(3)
        wait_until(lambda: not any(type(o) in (Passage, Exchange) for o in gc.get_objects()))
    finally:
        gc.enable()
