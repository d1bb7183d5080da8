from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from headstart.cli.startup import load_engine, shares
from headstart.kv import KVCache, KVLayout
from headstart.prefix import Scope, pack
from headstart.server import Settings

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
