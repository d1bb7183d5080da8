from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from headstart.cli.main import app
from headstart.cli.startup import load_engine, serving, shares
from headstart.kv import KVCache, KVLayout
from headstart.ledger import Reader, Which
from headstart.prefix import Scope, pack
from headstart.server import EmbeddedServer, Settings, load_settings
from headstart.server.emulate import State, create_emulator, emulated_accounts
from tests.server.scripted import ScriptedEngine, say

LAYOUT = KVLayout(1, 1, 4, "float16", (None,))
OPERATOR = Scope("_operator")


def hold(cache: KVCache, scope: Scope, tokens: int) -> int:
    """Tokens of a prefix of its own that a scope gets to hold."""
    key = pack(range(1, tokens + 1))
    return cache.store(key, scope, 0.0, lambda first, rows: None)


@pytest.mark.parametrize("keys", [2, 3, 7])
def test_what_is_shared_takes_nothing_from_a_tenants_floor(keys: int) -> None:
    cache = KVCache(LAYOUT, 240 * LAYOUT.token_bytes, tenants=shares(keys))
    floor = 240 // (keys + 1)
    assert cache.floor_pages == floor
    assert hold(cache, OPERATOR, 240) == 240
    for number in range(keys - 1):
        hold(cache, Scope(f"tenant {number}"), 240)
    assert hold(cache, Scope("last"), floor) == floor
    assert cache.index.size_info("_operator").pages >= floor


@pytest.mark.parametrize("keys", [0, 1])
def test_a_single_tenant_has_all_of_it(keys: int) -> None:
    assert shares(keys) == 1


def test_the_engine_is_told_of_the_operators_share(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr("headstart.engine.load", lambda model, **options: asked.update(options))
    settings = Settings(api_keys={"acme": SecretStr("a"), "beta": SecretStr("b")})
    load_engine(settings, lambda _: None)
    assert asked["tenants"] == 3


HELLO = [{"role": "user", "content": "hello"}]


def ask(url: str, model: str) -> None:
    asked = {"model": model, "max_tokens": 8, "messages": HELLO}
    got = httpx.post(f"{url}/v1/messages", json=asked, headers={"x-api-key": "sk-1"})
    assert got.status_code == 200, got.text


def test_engine_and_upstreams_share_a_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = ScriptedEngine(say("hi", read=6))
    monkeypatch.setattr("headstart.cli.startup.load_engine", lambda *_: engine)
    with EmbeddedServer(create_emulator(State(emulated_accounts())), grace=0.1) as upstream:
        table = f'port = 0\n[upstream.anthropic]\nbase_url = "{upstream.url}"\n'
        (tmp_path / "headstart.toml").write_text(table)
        with serving(load_settings({}), lambda _: None) as (_, server):
            ask(server.url, "scripted")
            ask(server.url, "claude-opus-5")
    with Reader.open("headstart-ledger.db") as reader:
        by_route = reader.by("route", Which())
    assert {name: totals.requests for name, totals in by_route.items()} == {
        "engine": 1,
        "anthropic": 1,
    }
    assert by_route["engine"].read == 6
    result = CliRunner().invoke(app, ["report", "--json"])
    found = json.loads(result.stdout)
    assert {row["model"] for row in found["by_model"]} == {"scripted", "claude-opus-5"}


@pytest.mark.parametrize(("ledger", "rows"), [(None, None), ("off", None), ("mine.db", 1)])
def test_an_engine_alone_is_recorded_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ledger: str | None, rows: int | None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("headstart.cli.startup.load_engine", lambda *_: ScriptedEngine())
    settings = load_settings({"ledger": ledger, "port": 0})
    with serving(settings, lambda _: None) as (_, server):
        ask(server.url, "scripted")
    assert list(tmp_path.glob("*.db")) == ([tmp_path / "mine.db"] if rows else [])
    if rows:
        with Reader.open("mine.db") as reader:
            assert reader.totals(Which()).requests == rows
