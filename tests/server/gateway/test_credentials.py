"""Who is asking; and that no credential is ever written down."""

from __future__ import annotations

import logging

import httpx
import pytest

from headstart.server import ConfigError
from headstart.server.gateway import Upstream, create_gateway
from headstart.server.gateway.credentials import Credentials
from tests.server.gateway.conftest import Start, upstreams
from tests.server.gateway.raw import RawUpstream, resetting, response, sending
from tests.server.gateway.test_fidelity import ANSWER, body, post

SECRETS = (
    "sk-ant-verysecret",
    "AIza-verysecret",
    "verysecretsignature",
    "sk-injected-verysecret",
    "gw-verysecret",
)
HEADERS = (
    {"x-api-key": SECRETS[0]},
    {"authorization": f"Bearer {SECRETS[0]}"},
    {"x-goog-api-key": SECRETS[1]},
    {"authorization": f"AWS4-HMAC-SHA256 Credential=AK/x, Signature={SECRETS[2]}"},
)


def test_nothing_written_holds_a_credential(
    start: Start,
    raw: RawUpstream,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("KEY", SECRETS[3])
    given = {
        **upstreams(raw.url),
        "mine": Upstream(base_url=raw.url, provider="openai", auth="inject", key_env="KEY"),
    }

    def broken(record: object) -> None:
        seen.append(repr(record))
        raise ValueError(SECRETS[0])

    seen: list[str] = []
    running = start(given, sink=broken)
    for answer in (sending(response(ANSWER)), resetting(b""), resetting(b"\x00 garbage\r\n\r\n")):
        raw.answer = answer
        for headers in HEADERS:
            for path in (
                "v1/messages",
                "v1/models",
                "v1beta/models/gemini-2.5-flash:generateContent",
            ):
                url = f"{running.url}/{path}?key={SECRETS[1]}"
                seen.append(httpx.post(url, content=body(), headers=headers).text)
        seen.append(httpx.post(f"{running.url}/mine/v1/chat/completions", content=b"{}").text)
    seen.append(running.metrics())
    logged = [r for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    written = "\n".join((*seen, *(f"{r.getMessage()} {r.__dict__}" for r in logged)))
    assert "request passed on as it was" in written
    assert "tenant=" in written
    assert not [secret for secret in SECRETS if secret in written]


def test_a_tenant_is_a_digest_of_the_credential(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url), secret=b"s" * 32)
    for key in ("sk-1", "sk-2", "sk-1"):
        post(running.url, body(), **{"x-api-key": key})
    first, second, third = (record.tenant for record in running.records(3))
    assert first == third != second
    assert "sk-" not in first


def test_injected_credentials_replace_the_clients(
    start: Start, raw: RawUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", SECRETS[3])
    mine = Upstream(base_url=raw.url, provider="anthropic", auth="inject", key_env="KEY")
    running = start({"anthropic": mine}, keys={"acme": SECRETS[4]})
    assert post(running.url, body(), **{"x-api-key": "another"}).status_code == 401
    assert raw.heads == []
    assert post(running.url, body(), **{"x-api-key": SECRETS[4]}).status_code == 200
    assert f"x-api-key: {SECRETS[3]}".encode() in raw.heads[0].lower()
    assert SECRETS[4].encode() not in raw.heads[0]
    assert running.records(1)[0].tenant == "acme"


def test_gateway_keys_beside_credentials_that_pass(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url), keys={"acme": SECRETS[4]})
    assert post(running.url, body()).status_code == 401
    assert post(running.url, body(), **{"x-headstart-key": SECRETS[4]}).status_code == 200
    assert SECRETS[4].encode() not in raw.heads[0]
    assert b"sk-ant-1" in raw.heads[0]


def test_a_shared_cache_can_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "k")
    shared = {"provider": "anthropic", "auth": "inject", "key_env": "KEY", "base_url": "http://x"}
    refusing = Upstream.model_validate({**shared, "shared_cache": False})
    with pytest.raises(ConfigError, match="shared_cache"):
        create_gateway({"anthropic": refusing}, keys={"a": "1", "b": "2"})
    create_gateway({"anthropic": refusing}, keys={"a": "1"})


def test_a_variable_that_is_not_set() -> None:
    mine = Upstream(base_url="http://x", provider="openai", auth="inject", key_env="UNSET_KEY")
    with pytest.raises(ConfigError, match="UNSET_KEY is not set"):
        create_gateway({"openai": mine})


def test_one_key_is_one_tenant_whichever_header_carries_it() -> None:
    upstream = Upstream(base_url="https://api.anthropic.com", provider="anthropic")
    who = Credentials({"anthropic": upstream}, {}, b"secret")
    tenants = {
        who.tenant(upstream, {b"x-api-key": b"sk-1"}, b""),
        who.tenant(upstream, {b"authorization": b"Bearer sk-1"}, b""),
    }
    assert len(tenants) == 1
    assert who.tenant(upstream, {b"x-api-key": b"sk-2"}, b"") not in tenants


def test_who_only_knows_a_keys_id_is_told_no_plan(start: Start, raw: RawUpstream) -> None:
    running = start(upstreams(raw.url))
    signed = {"authorization": "AWS4-HMAC-SHA256 Credential=AK/x, Signature=s"}
    asked = {"messages": [{"role": "user", "content": [{"text": "x " * 9000}]}]}
    url = f"{running.url}/model/anthropic.claude-opus-5/converse"
    assert "x-headstart-plan" in httpx.post(url, json=asked, headers=signed).headers
    raw.answer = sending(response(b"{}", "403 Forbidden"))
    refused = httpx.post(url, json=asked, headers=signed)
    assert refused.status_code == 403
    assert "x-headstart-plan" not in refused.headers
    # Nor is a text in another header a signature.
    httpx.post(url, json=asked, headers={"x-api-key": "Credential=AK/x"})
    first, _, other = (record.tenant for record in running.records(3))
    assert first != other
