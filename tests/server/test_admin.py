"""The operator's API: a tiny real model with a disk tier, behind a real socket."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from headstart.engine import Engine, load
from headstart.engine.load import TierOptions
from headstart.server import EmbeddedServer, Settings, create_app
from headstart.server.auth import OPERATOR, scope_of
from tests.server.conftest import Serve
from tests.server.scripted import ScriptedEngine
from tests.waiting import wait_until

KEYS = {"acme": "key-a", "beta": "key-b"}
ADMIN = "key-admin"
CACHE = "/_headstart/cache"
WORDS = "The lighthouse keeper counted the boats that came home in the evening. "
GET = ["/entries", "/entries/" + "0" * 40, "/stats"]
POST = ["/pin", "/unpin", "/evict", "/forget", "/warm"]


@pytest.fixture(scope="module")
def engine(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    disk = tmp_path_factory.mktemp("tier")
    engine = load(
        str(tiny_model),
        cache_memory=16 << 20,
        dtype="float32",
        tenants=2,
        tiers=TierOptions(disk=f"{disk}:64M"),
    )
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    settings = Settings(api_keys=KEYS, admin_key=ADMIN)  # type: ignore[arg-type]
    with EmbeddedServer(create_app(engine, settings), grace=0) as server:
        yield server.url


@pytest.fixture
def admin(url: str, engine: Engine) -> Iterator[httpx.Client]:
    """The operator's client; every test starts with an empty cache."""
    assert engine.admin is not None
    for tenant in {entry.tenant for entry in engine.admin.entries()}:
        engine.admin.evict_all(tenant)
    headers = {"authorization": f"Bearer {ADMIN}"}
    with httpx.Client(base_url=url + CACHE, headers=headers, timeout=60) as client:
        yield client


def ask(url: str, tenant: str, text: str, **more: Any) -> int:
    """Tokens that a tenant's request reads from the cache."""
    body = {"model": "tiny-llama", "max_tokens": 1, **more}
    body.setdefault("messages", [{"role": "user", "content": text}])
    answer = httpx.post(
        f"{url}/v1/chat/completions", json=body, headers={"x-api-key": KEYS[tenant]}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    read = answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert isinstance(read, int)
    return read


def entries(admin: httpx.Client, **query: str) -> list[dict[str, Any]]:
    answer = admin.get("/entries", params=query)
    assert answer.status_code == 200, answer.text
    found = answer.json()["entries"]
    assert isinstance(found, list)
    return found


def error(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    told = answer.json()["error"]
    assert isinstance(told, dict)
    assert set(told) == {"type", "message", "field"}
    return told


def warm(admin: httpx.Client, *prompts: Any, **options: Any) -> list[dict[str, Any]]:
    answer = admin.post("/warm", json={"prompts": prompts, **options})
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def stored(admin: httpx.Client) -> list[dict[str, Any]]:
    """Entries once all of them are on disk too."""

    def missing() -> bool:
        return any("disk" not in e["tiers"] for e in entries(admin) if e["tokens"] >= 128)

    wait_until(lambda: not missing())
    return entries(admin)


@pytest.mark.parametrize("key", [None, "", "wrong", *KEYS.values()])
def test_no_other_key_opens_it(url: str, key: str | None) -> None:
    headers = {} if key is None else {"x-api-key": key}
    with httpx.Client(base_url=url + CACHE, headers=headers) as client:
        for answer in (*map(client.get, GET), *(client.post(path, json={}) for path in POST)):
            assert error(answer, 401)["type"] == "authentication_error"


def test_the_admin_key_is_no_tenants(url: str) -> None:
    assert httpx.get(f"{url}/v1/models", headers={"x-api-key": ADMIN}).status_code == 401


def test_without_an_admin_key_it_is_closed(serve: Serve) -> None:
    client = serve(ScriptedEngine())
    for key in ("", "None", "any"):
        answer = client.get(f"{CACHE}/stats", headers={"x-api-key": key})
        assert "no admin key" in error(answer, 403)["message"]


def test_an_engine_without_a_cache_says_so(serve: Serve) -> None:
    client = serve(ScriptedEngine(), admin_key=ADMIN)
    answer = client.get(f"{CACHE}/entries", headers={"x-api-key": ADMIN})
    assert "no cache" in error(answer, 404)["message"]


def test_the_operator_sees_every_tenant(url: str, admin: httpx.Client) -> None:
    for tenant in KEYS:
        ask(url, tenant, WORDS * 12)
    found = stored(admin)
    assert {entry["tenant"] for entry in found} == {"acme", "beta"}
    (acme,) = entries(admin, tenant="acme")
    assert acme["tiers"] == ["memory", "disk"]
    assert acme["tokens"] > 128
    assert acme["model"] == "tiny-llama"
    shown = admin.get(f"/entries/{acme['id'][:10]}").json()
    assert [copy["tier"] for copy in shown["copies"]] == ["memory", "disk"]
    assert "lighthouse" not in admin.get("/entries").text


def test_pin_unpin_evict(url: str, admin: httpx.Client) -> None:
    ask(url, "acme", WORDS * 13)
    (entry,) = stored(admin)
    name = {"id": entry["id"]}
    pinned = admin.post("/pin", json=name).json()
    assert pinned["tiers"] == ["memory", "disk"]
    assert entries(admin)[0]["pinned"]
    assert admin.post("/unpin", json=name).json()["tokens"] > 128
    assert not entries(admin)[0]["pinned"]
    assert admin.post("/evict", json=name).json()["tokens"] > 128
    assert entries(admin) == []
    assert ask(url, "acme", WORDS * 13) == 0


def test_evict_by_tenant_spares_the_others(url: str, admin: httpx.Client) -> None:
    for tenant in KEYS:
        ask(url, tenant, WORDS * 12)
    assert admin.post("/evict", json={"tenant": "acme"}).status_code == 200
    assert {entry["tenant"] for entry in entries(admin)} == {"beta"}
    assert ask(url, "acme", WORDS * 12) == 0
    assert ask(url, "beta", WORDS * 12) > 128


def test_a_forgotten_tenant_reads_nothing(url: str, admin: httpx.Client) -> None:
    for tenant in KEYS:
        ask(url, tenant, WORDS * 12)
    name = next(entry["id"] for entry in stored(admin) if entry["tenant"] == "acme")
    admin.post("/pin", json={"id": name})
    done = admin.post("/forget", json={"tenant": "acme"}).json()
    assert done == {"everywhere": True, "seconds": 2.0}
    assert {entry["tenant"] for entry in entries(admin)} == {"beta"}
    assert ask(url, "acme", WORDS * 12) == 0
    assert ask(url, "beta", WORDS * 12) > 128


def test_pins_beyond_the_budget_are_507(tiny_model: Path) -> None:
    small = load(str(tiny_model), cache_memory=600_000, dtype="float32", chunk=16)
    try:
        settings = Settings(admin_key=ADMIN)  # type: ignore[arg-type]
        with (
            EmbeddedServer(create_app(small, settings), grace=0) as server,
            httpx.Client(base_url=server.url, headers={"x-api-key": ADMIN}) as client,
        ):
            refused = 0
            for number in range(8):
                outcome, _ = warm(
                    httpx.Client(base_url=server.url + CACHE, headers={"x-api-key": ADMIN}),
                    {"text": f"{number} " + WORDS * 12},
                    pin=True,
                )
                refused += bool(outcome["error"] and "would be pinned" in outcome["error"])
            assert refused
            found = client.get(f"{CACHE}/entries").json()["entries"]
            loose = next(entry for entry in found if not entry["pinned"])
            answer = client.post(f"{CACHE}/pin", json={"id": loose["id"]})
            assert error(answer, 507)["type"] == "pin_budget_exceeded"
    finally:
        small.close()


def test_warm_prompts_are_read_by_the_first_request(url: str, admin: httpx.Client) -> None:
    chat = {"messages": [{"role": "user", "content": WORDS * 12}]}
    first, total = warm(admin, chat, tenant="acme")
    assert first["tokens"] > 128
    assert (first["line"], first["read"], first["error"]) == (1, 0, None)
    assert total == {
        "done": True,
        "warmed": 1,
        "failed": 0,
        "tokens": first["tokens"],
        "read": 0,
    }
    assert ask(url, "acme", WORDS * 12) == first["tokens"] - 1
    assert ask(url, "beta", WORDS * 12) == 0


def test_what_the_operator_shares_every_tenant_reads(url: str, admin: httpx.Client) -> None:
    text = "You are a harbour master. " + WORDS * 12
    first, _ = warm(admin, {"text": text}, shared=True, pin=True)
    assert first["pinned"]
    (entry,) = entries(admin)
    assert (entry["tenant"], entry["pinned"]) == (OPERATOR, True)
    messages = [{"role": "system", "content": text}, {"role": "user", "content": "hello"}]
    for tenant in KEYS:
        assert ask(url, tenant, "", messages=messages) >= first["tokens"]
    shared = next(entry for entry in entries(admin) if entry["tenant"] == OPERATOR)
    assert shared["bytes"] >= first["tokens"] * 256
    # The tenants hold no more than what they said themselves.
    assert admin.post("/evict", json={"id": shared["id"]}).status_code == 200
    assert ask(url, "acme", "", messages=messages) < first["tokens"]


def test_warm_takes_both_dialects_and_goes_on_after_a_failure(
    url: str, admin: httpx.Client
) -> None:
    anthropic = {
        "system": [{"type": "text", "text": WORDS, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 100,
    }
    openai = {"messages": [{"role": "developer", "content": WORDS}], "cache_salt": "pepper"}
    outcomes = warm(
        admin,
        anthropic,
        "no object",
        {"text": WORDS * 500},
        {"text": 7},
        {"messages": []},
        {"prompt": "?"},
        {"text": WORDS, "tenant": "nobody"},
        {"text": WORDS, "tenant": "acme", "shared": True},
        {"text": WORDS, "ttl": -1},
        {"text": WORDS, "pin": "yes"},
        openai,
        {"text": WORDS, "tenant": "beta", "ttl": 600},
        tenant="acme",
    )
    total = outcomes.pop()
    failed = [outcome["line"] for outcome in outcomes if outcome["error"]]
    assert failed == list(range(2, 11))
    assert (total["warmed"], total["failed"]) == (3, 9)
    assert "exceed the context" in outcomes[2]["error"]
    leased = [entry for entry in entries(admin) if entry["leased_until"] > time.time() + 500]
    assert [entry["tenant"] for entry in leased] == ["beta"]


def test_with_several_tenants_warm_asks_for_which(admin: httpx.Client) -> None:
    outcome, _ = warm(admin, {"text": WORDS})
    assert "which tenant" in outcome["error"]


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/pin", b"{", 400, None),
        ("/pin", b"{}", 400, "id"),
        ("/pin", b'{"id": 7}', 400, "id"),
        ("/pin", b'{"id": "x", "more": 1}', 400, "more"),
        ("/pin", b'{"id": "ffffffffffff"}', 404, "id"),
        ("/unpin", b'{"id": "short"}', 404, "id"),
        ("/evict", b"{}", 400, "id"),
        ("/evict", b'{"id": "x", "tenant": "acme"}', 400, "id"),
        ("/evict", b'{"id": "ffffffffffff"}', 404, "id"),
        ("/evict", b'{"tenant": "nobody"}', 404, "tenant"),
        ("/forget", b"", 400, "tenant"),
        ("/forget", b'{"tenant": "nobody"}', 404, "tenant"),
        ("/warm", b'{"prompts": {}}', 400, "prompts"),
        ("/warm", b'{"prompts": [], "tenant": "nobody"}', 400, "tenant"),
        ("/warm", b'{"prompts": [], "tenant": "acme", "shared": true}', 400, "tenant"),
        ("/warm", b'{"prompts": [], "ttl": 0}', 400, "ttl"),
        ("/warm", b'{"prompts": [], "pin": 1}', 400, "pin"),
    ],
)
def test_bad_requests_name_the_field(
    admin: httpx.Client, path: str, body: bytes, status: int, field: str | None
) -> None:
    assert error(admin.post(path, content=body), status)["field"] == field


def test_an_unknown_prefix_is_404(admin: httpx.Client) -> None:
    assert error(admin.get("/entries/" + "0" * 40), 404)["field"] == "id"


def test_stats(url: str, admin: httpx.Client) -> None:
    ask(url, "acme", WORDS * 12)
    stored(admin)
    stats = admin.get("/stats").json()
    assert stats["memory"]["cached_bytes"] > 0
    assert stats["tiers"]["disk"]["objects"] > 0


def test_the_operators_scope_is_its_own() -> None:
    assert scope_of(OPERATOR, None).shared is None
    assert scope_of("acme", None).shared == OPERATOR
