"""Gateways that are killed, and those that start after them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from headstart.providers import CacheResources
from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts
from headstart.server.gateway.explicit import Journal
from headstart.server.gateway.explicit.journal import Entry
from tests.server.gateway.explicit.conftest import MODEL, TEXT, Make, Wire
from tests.waiting import wait_until

BODY = {
    "systemInstruction": {"parts": [{"text": TEXT}]},
    "contents": [{"parts": [{"text": "How many?"}]}],
}


@pytest.fixture
def provider() -> Iterator[tuple[str, CacheResources]]:
    """An emulating server whose implicit cache is off, so that any traffic pays; real time."""
    state = State(emulated_accounts(knobs={"minimum": 10**9, "minimums": {}}))
    with EmbeddedServer(create_emulator(state), grace=0.1) as server:
        yield server.url, state.accounts.resources("gemini", MODEL)


@contextmanager
def gateway(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """``headstart gateway``, killed at the end if it is still there."""
    command = [sys.executable, "-m", "headstart", "gateway", "--port", str(port)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port))
        yield process
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.TransportError:
        time.sleep(0.05)
        return False


def _port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _ask(port: int, key: str = "AIza-1", body: object = BODY) -> httpx.Response:
    url = f"http://127.0.0.1:{port}/v1beta/models/{MODEL}:generateContent"
    return httpx.post(url, json=body, headers={"x-goog-api-key": key}, timeout=60)


def test_kill_9_leaves_nothing_for_long(
    tmp_path: Path, provider: tuple[str, CacheResources]
) -> None:
    url, objects = provider
    config = f'[upstream.gemini]\nbase_url = "{url}"\nexplicit_caches = true\n'
    (tmp_path / "headstart.toml").write_text(config)
    port = _port()
    with gateway(tmp_path, port) as process:
        for _ in range(3):
            assert _ask(port).status_code == 200
        wait_until(lambda: len(objects) == 1)
        wait_until(lambda: _ask(port).headers["x-headstart-plan"].startswith("cache=explicit"))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(objects) == 1
    with gateway(tmp_path, port) as process:
        assert _ask(port, "AIza-other").status_code == 200
        assert len(objects) == 1, "another's credential can't delete it"
        assert _ask(port).status_code == 200
        wait_until(lambda: len(objects) == 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    journal = Journal.open(tmp_path / "headstart-ledger.db")
    assert journal.leftovers == []
    journal.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"AIza" not in kept
    assert b"miller" not in kept


def test_with_our_own_credential_at_once(
    scene: Make, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", "AIza-ours")
    journal = Journal.open(tmp_path / "x")
    journal.put(Entry("v1beta/cachedContents/a", "gemini", time.time() + 1e6))
    journal.close()
    shown = scene(wire.url, {"journal": tmp_path / "x"}, auth="inject", key_env="OUR_KEY")
    wait_until(lambda: shown.event("swept") == 1)
    assert [(kind, path) for kind, path, _ in wire.asked] == [
        ("delete", "/v1beta/cachedContents/a")
    ]
    assert b"x-goog-api-key: AIza-ours" in wire.raw.heads[0]
    assert len(shown.running.gateway.explicit.leftovers) == 0


def test_each_credential_is_tried_once(scene: Make, wire: Wire, tmp_path: Path) -> None:
    base = tmp_path / "x"
    journal = Journal.open(base)
    now = time.time()
    for name in "ab":
        journal.put(Entry(f"v1/cachedContents/{name}", "gemini", now + 1e6))
    journal.put(Entry("v1/cachedContents/over", "gemini", now - 1))
    journal.put(Entry("v1/cachedContents/elsewhere", "removed", now + 1e6))
    journal.close()
    wire.answers["delete"] = (403, b"{}")
    shown = scene(wire.url, {"journal": base})
    for key in ("AIza-1", "AIza-2", "AIza-1"):
        shown.ask(key=key)
    assert wire.kinds().count("delete") == 4
    del wire.answers["delete"]
    shown.ask(key="AIza-3")
    shown.ask(key="AIza-4")
    assert wire.kinds().count("delete") == 6
    assert shown.event("swept") == 2
    assert len(shown.running.gateway.explicit.leftovers) == 1


def test_it_is_refused_where_names_can_not_be_kept(scene: Make, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="needs to write beside the ledger"):
        scene(gateway={"journal": tmp_path / "nowhere" / "x"})
    scene(gateway={"journal": tmp_path / "nowhere" / "x"}, explicit_caches=False)


def test_an_object_that_can_not_be_written_down_is_not_kept(
    scene: Make, wire: Wire, tmp_path: Path
) -> None:
    shown = scene(wire.url, {"journal": tmp_path / "x"})
    journal = shown.running.gateway.explicit.keeper.journal
    assert journal is not None
    shown.traffic(2)
    journal._connection.execute("PRAGMA query_only = ON")
    shown.traffic(5)
    assert wire.kinds().count("create") == 1
    assert wire.kinds().count("delete") == 1
    assert "continue" not in wire.kinds()
    assert all(record.status == 200 for record in shown.requests)
