"""A tier's figures as Prometheus sees them: a tiny real model, a real directory, a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from headstart.engine import Engine, load
from headstart.engine.load import TierOptions
from headstart.engine.transformers_engine import TransformersEngine
from headstart.server import EmbeddedServer, Settings, create_app
from tests.kv.tiers.support import free_port, page_files, stored_bytes
from tests.server.conftest import Serve
from tests.server.scripted import ScriptedEngine
from tests.server.test_metrics import scrape

WORDS = "The harbour pilot waits for the tide and reads the gauge again. "
TWO_PAGES = WORDS * 20
OBJECT = 192 + 128 * 256
"""Bytes of a stored page of the tiny model: a header and 128 tokens of 256 bytes."""
LIMIT = 5 * OBJECT
ROOM = LIMIT - LIMIT // 50
"""What is left beside the quarantine: four pages."""


@contextmanager
def serving(model: Path, disk: Path, *remotes: str) -> Iterator[tuple[httpx.Client, Engine]]:
    """A server over a directory, as a fresh process would open it."""
    engine = load(
        str(model),
        cache_memory=16 << 20,
        dtype="float32",
        tiers=TierOptions(disk=f"{disk}:{LIMIT}", remotes=remotes),
    )
    try:
        settings = Settings(api_keys={"acme": SecretStr("key-a")})
        with (
            EmbeddedServer(create_app(engine, settings), grace=0) as server,
            httpx.Client(base_url=server.url, timeout=60) as client,
        ):
            yield client, engine
    finally:
        engine.close()


def ask(client: httpx.Client, engine: Engine, text: str) -> None:
    """A request, and what it computed written to the tiers."""
    body = {"model": "tiny-llama", "max_tokens": 1, "messages": [{"role": "user", "content": text}]}
    answer = client.post("/v1/chat/completions", json=body, headers={"x-api-key": "key-a"})
    assert answer.status_code == 200, answer.text
    assert isinstance(engine, TransformersEngine)
    assert engine.tiers
    assert engine.tiers.flush(30)


def figures(client: httpx.Client, tier: str = "disk") -> dict[str, float]:
    """A tier's samples, their common prefix cut off."""
    start = "headstart_tier_"
    return {
        name.removeprefix(start): value
        for (name, *labels), value in scrape(client.get("/metrics").text).items()
        if name.startswith(start) and labels == [tier]
    }


def test_what_a_disk_holds_writes_reads_and_loses(tiny_model: Path, tmp_path: Path) -> None:
    with serving(tiny_model, tmp_path) as (client, engine):
        ask(client, engine, "one " + TWO_PAGES)
        seen = figures(client)
        assert seen["pages"] == seen["stores_total"] == len(page_files(tmp_path)) == 2
        assert seen["bytes"] == seen["stored_bytes_total"] == stored_bytes(tmp_path)
        assert seen["bytes"] == 2 * OBJECT
        assert seen["limit_bytes"] == ROOM
        assert seen["load_hits_total"] == seen["loaded_bytes_total"] == seen["paused"] == 0
    with serving(tiny_model, tmp_path) as (client, engine):
        ask(client, engine, "one " + TWO_PAGES)
        seen = figures(client)
        assert seen["load_hits_total"] == 2
        assert seen["loaded_bytes_total"] == 2 * OBJECT
        assert seen["stores_total"] == seen["evictions_total"] == 0
        for number in range(3):
            ask(client, engine, f"other {number} " + TWO_PAGES)
        seen = figures(client)
        assert seen["stores_total"] == 6
        assert seen["evictions_total"] == 2 + 6 - seen["pages"] > 0
        assert seen["bytes"] == stored_bytes(tmp_path) <= ROOM


def test_a_damaged_page_shows(tiny_model: Path, tmp_path: Path) -> None:
    with serving(tiny_model, tmp_path) as (client, engine):
        ask(client, engine, TWO_PAGES)
    for path in page_files(tmp_path):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    with serving(tiny_model, tmp_path) as (client, engine):
        assert figures(client)["damaged_total"] == 0
        ask(client, engine, TWO_PAGES)
        assert figures(client)["damaged_total"] >= 1


def test_a_server_out_of_reach_shows_as_paused(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("valkey")
    with serving(tiny_model, tmp_path, f"valkey://127.0.0.1:{free_port()}/0") as (client, engine):
        for number in range(4):
            ask(client, engine, f"{number} " + TWO_PAGES)
        gone = figures(client, "valkey")
        assert gone["paused"] == 1
        assert gone["errors_total"] >= 3
        assert gone["refused_total"] >= 1
        assert gone["load_misses_total"] >= 1
        assert figures(client)["paused"] == 0
        assert figures(client)["stores_total"] == 8


def test_no_label_names_a_tenant(tiny_model: Path, tmp_path: Path) -> None:
    with serving(tiny_model, tmp_path) as (client, engine):
        ask(client, engine, TWO_PAGES)
        text = client.get("/metrics").text
        assert engine.admin is not None
        (entry,) = engine.admin.entries()
        assert "headstart_tier_pages" in text
        for secret in (entry.tenant, entry.id, "harbour"):
            assert secret not in text


def test_without_tiers_there_are_no_figures(serve: Serve, tiny_engine: Engine) -> None:
    assert figures(serve(ScriptedEngine())) == {}
    client = serve(tiny_engine, model="tiny-llama")
    assert "headstart_tier_" not in client.get("/metrics").text
