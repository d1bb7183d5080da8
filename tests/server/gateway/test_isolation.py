"""Tenants that share one upstream credential never read each other's entries, where the
provider lets them be told apart; where it does not, that is said, or refused."""

from __future__ import annotations

import gc
import json
import logging
import tracemalloc
from datetime import date
from typing import Any

import httpx
import pytest

from headstart.server import ConfigError
from headstart.server.emulate import State
from headstart.server.gateway import Upstream, create_gateway
from headstart.server.gateway.isolation import shared_caches
from headstart.server.gateway.planning import wire_key
from tests.server.gateway.conftest import Running, Start
from tests.server.gateway.raw import RawUpstream

RULES = "The mill of Kalmar grinds rye. " * 800
KEYS = {"acme": "gw-a", "beta": "gw-b"}
DAY = date(2026, 11, 20)
Emulated = tuple[str, State]


def shared(provider: str, url: str, **more: Any) -> dict[str, Upstream]:
    given = {"auth": "inject", "key_env": "KEY", "base_url": url, "provider": provider, **more}
    return {provider: Upstream.model_validate(given)}


@pytest.fixture(autouse=True)
def credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "sk-shared")


def chat(running: Running, tenant: str, model: str, **more: Any) -> httpx.Response:
    messages = [{"role": "system", "content": RULES}, {"role": "user", "content": "x"}]
    asked = {"model": model, "messages": messages, **more}
    headers = {"authorization": f"Bearer {KEYS[tenant]}"}
    return httpx.post(f"{running.url}/v1/chat/completions", json=asked, headers=headers)


def read(running: Running, tenant: str, model: str, **more: Any) -> int:
    got = chat(running, tenant, model, **more)
    assert got.status_code == 200, got.text
    found: int = got.json()["usage"]["prompt_tokens_details"]["cached_tokens"]
    return found


@pytest.mark.parametrize("mode", ["plan", "own"])
def test_openai(start: Start, emulator: Emulated, mode: str) -> None:
    running = start(shared("openai", emulator[0], mode=mode), keys=KEYS)
    assert [read(running, "acme", "gpt-5.6") > 0 for _ in range(2)] == [False, True]
    assert [read(running, "beta", "gpt-5.6") > 0 for _ in range(2)] == [False, True]
    records = running.records(4)
    assert [r.predicted and r.predicted.read for r in records] == [r.usage.read for r in records]


def test_a_clients_own_keys_are_its_own_and_stay_distinct(start: Start, emulator: Emulated) -> None:
    running = start(shared("openai", emulator[0]), keys=KEYS)
    mine: dict[str, Any] = {"prompt_cache_key": "mine"}
    assert read(running, "acme", "gpt-5.6", **mine) == 0
    assert read(running, "beta", "gpt-5.6", **mine) == 0
    assert read(running, "acme", "gpt-5.6", prompt_cache_key="other") == 0
    assert read(running, "acme", "gpt-5.6", **mine) > 0


def test_deepseek(start: Start, emulator: Emulated) -> None:
    state = emulator[1]
    running = start(shared("deepseek", emulator[0]), keys=KEYS)

    def cached(tenant: str, **more: Any) -> int:
        got = chat(running, tenant, "deepseek-chat", **more)
        assert got.status_code == 200, got.text
        found: int = got.json()["usage"]["prompt_cache_hit_tokens"]
        return found

    for more in ({}, {"user_id": "u1"}):
        assert cached("acme", **more) == 0
        state.clock.advance(60)
        assert cached("beta", **more) == 0
        assert cached("acme", **more) > 0


def test_what_goes_out_is_bound_to_the_tenant(start: Start, raw: RawUpstream) -> None:
    running = start(shared("deepseek", raw.url), keys=KEYS, secret=b"s" * 32)
    for tenant, user in (("acme", None), ("beta", None), ("acme", "u1"), ("beta", "u1")):
        chat(running, tenant, "deepseek-chat", **({"user_id": user} if user else {}))
    sent = [json.loads(body)["user_id"] for body in raw.bodies]
    assert len(set(sent)) == 4
    assert all(len(value) == 32 and "u1" not in value for value in sent)
    headers = {"x-api-key": KEYS["acme"], "anthropic-version": "2023-06-01"}
    messages = [{"role": "user", "content": "x"}]
    asked: dict[str, Any] = {"model": "deepseek-chat", "max_tokens": 8, "messages": messages}
    for metadata in (None, {}, {"user_id": "u1", "more": 1}):
        asked["metadata"] = metadata
        httpx.post(f"{running.url}/deepseek/v1/messages", json=asked, headers=headers)
    found = [json.loads(body)["metadata"] for body in raw.bodies[4:]]
    assert [one["user_id"] for one in found] == [sent[0], sent[0], sent[2]]
    assert found[2]["more"] == 1


def test_an_engine_behind_the_gateway(start: Start, raw: RawUpstream) -> None:
    running = start(shared("vllm", raw.url), keys=KEYS)
    chat(running, "acme", "m")
    chat(running, "beta", "m", cache_salt="s")
    salts = [json.loads(body)["cache_salt"] for body in raw.bodies]
    assert salts[0] != salts[1]
    assert "s" not in salts


def test_no_one_else_is_touched(start: Start, raw: RawUpstream) -> None:
    """One tenant; clients' own credentials; modes that change nothing."""
    alone = start(shared("deepseek", raw.url), keys={"acme": "gw-a"})
    chat(alone, "acme", "deepseek-chat")
    passing = start({"deepseek": Upstream(base_url=raw.url, provider="deepseek")})
    chat(passing, "acme", "deepseek-chat")
    for mode in ("observe", "off"):
        watched = start(shared("deepseek", raw.url, mode=mode), keys=KEYS)
        chat(watched, "acme", "deepseek-chat")
    assert all("user_id" not in json.loads(body) for body in raw.bodies)


@pytest.mark.parametrize(
    ("provider", "more", "told"),
    [
        ("anthropic", {}, "so the provider's cache: its usage fields tell"),
        ("openai", {}, "not with gpt-5.6 and later, where they are kept apart"),
        ("openai", {"models": ["gpt-5.6*"]}, None),
        ("openai", {"mode": "observe"}, "2 tenants share one credential"),
        ("deepseek", {}, None),
        ("deepseek", {"mode": "off"}, "2 tenants share one credential"),
        ("vllm", {}, None),
        ("openai", {"shared_cache": False}, "only gpt-5.6 and later is served"),
        ("deepseek", {"shared_cache": False}, None),
    ],
)
def test_what_is_said_at_start_up(
    provider: str, more: dict[str, Any], told: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "headstart.server")
    create_gateway(shared(provider, "http://x", **more), keys=KEYS)
    if told is None:
        assert caplog.messages == []
    else:
        (message,) = caplog.messages
        assert told in message
    assert shared_caches(shared(provider, "http://x", **more), {"acme": "gw-a"}, DAY) == []


@pytest.mark.parametrize(
    ("provider", "more"),
    [
        ("anthropic", {}),
        ("gemini", {}),
        ("openai", {"mode": "observe"}),
        ("openai", {"models": ["gpt-4*"]}),
        ("deepseek", {"mode": "off"}),
    ],
)
def test_a_configuration_that_cannot_isolate_is_refused(
    provider: str, more: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="shared_cache = false"):
        create_gateway(shared(provider, "http://x", shared_cache=False, **more), keys=KEYS)


def test_requests_that_cannot_be_kept_apart_are_refused(start: Start, raw: RawUpstream) -> None:
    strict = shared("openai", raw.url, shared_cache=False)
    running = start(strict, keys=KEYS, planned_bytes=100_000)
    assert chat(running, "acme", "gpt-5.6").status_code == 200
    refused = chat(running, "acme", "gpt-4.1")
    assert refused.status_code == 403
    assert "kept apart" in refused.json()["error"]["message"]
    assert chat(running, "acme", "gpt-5.6", padding="x" * 200_000).status_code == 403
    headers = {"authorization": "Bearer gw-a"}
    url = f"{running.url}/v1/chat/completions"
    assert httpx.post(url, content=b'{"model":', headers=headers).status_code == 403
    twice = b'{"model":"gpt-5.6","model":"gpt-5.6","messages":[]}'
    assert httpx.post(url, content=twice, headers=headers).status_code == 403
    assert httpx.get(f"{running.url}/v1/models", headers=headers).status_code == 200
    assert len(raw.bodies) == 2


def test_a_clients_long_key_is_not_kept(start: Start, emulator: Emulated) -> None:
    running = start(shared("openai", emulator[0]), keys=KEYS)
    wire_key.cache_clear()
    tracemalloc.start()
    try:
        for number in range(8):
            chat(running, "acme", "gpt-5.6", prompt_cache_key=f"{number}" + "x" * (1 << 20))
        running.records(8)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 4 << 20
    finally:
        tracemalloc.stop()
