"""An object's life: more time, an end, and the gateway's own end."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from headstart.planner import ExplicitPlanner
from headstart.server import EmbeddedServer
from headstart.server.gateway import Upstream, create_gateway
from headstart.server.gateway.explicit import Journal
from headstart.usage import RequestRecord
from tests.server.gateway.conftest import Running
from tests.server.gateway.explicit.conftest import (
    MODEL,
    TEXT,
    Emulated,
    Make,
    Scene,
    Wire,
    read,
)
from tests.waiting import wait_until


def test_an_object_lives_while_it_is_used_and_no_longer(scene: Make) -> None:
    shown = scene()
    shown.traffic(12)
    assert [record.usage.read > 0 for record in shown.requests] == [False] * 3 + [True] * 9
    assert shown.event("made") == 1
    shown.wait(4 * 3600)
    assert len(shown.live) == 0
    assert shown.event("lapsed") + shown.event("deleted") == 1
    held = sum(record.cost or 0.0 for record in shown.costs[1:]) / (5391 * 0.5e-6)
    real = shown.objects.token_hours(shown.clock.now(), scope=_scope(shown)) / 5391
    assert held == pytest.approx(real, rel=0.02)
    assert read(shown.ask()) == 0
    shown.traffic(3)
    assert read(shown.ask()) > 0, "and is made anew where it is wanted again"


def test_it_is_never_bought_for_long(scene: Make, wire: Wire) -> None:
    shown = scene(wire.url)
    shown.traffic(6)
    assert b'"ttl":"300s"' in wire.bodies("create")[0]
    extended = wire.bodies("extend")
    assert len(extended) > 3
    assert set(extended) == {b'{"ttl":"300s"}'}
    assert {path for kind, path, _ in wire.asked if kind == "extend"} == {
        "/v1/cachedContents/made-1"
    }


@pytest.mark.parametrize("status", [403, 404])
def test_one_that_can_not_be_extended_is_gone(scene: Make, wire: Wire, status: int) -> None:
    shown = scene(wire.url)
    shown.traffic(3, gap=100)
    wire.answers["extend"] = (status, b"{}")
    shown.wait(250)
    assert shown.event("gone") == 1
    shown.ask()
    assert "continue" not in wire.kinds()


@pytest.mark.parametrize("status", [429, 500])
def test_one_that_is_not_extended_lapses(scene: Make, wire: Wire, status: int) -> None:
    shown = scene(wire.url)
    shown.traffic(3, gap=100)
    wire.answers["extend"] = (status, b"{}")
    shown.wait(150)
    shown.ask()
    assert wire.kinds()[-1] == "continue"
    shown.wait(100)
    assert shown.event("lapsed") == 1
    shown.ask()
    assert wire.kinds()[-1] == "generate"


def test_shutdown_deletes_what_was_made(emulator: Emulated) -> None:
    shown = _standing(emulator)
    with shown.server:
        shown.traffic(3)
        shown.traffic(3, key="AIza-2")
        assert len(shown.live) == 2
    assert len(shown.live) == 0
    assert [record.status for record in shown.costs if record.plan == "cache_storage"][-2:] == [
        200,
        200,
    ]


def test_shutdown_waits_for_what_is_being_made(emulator: Emulated, wire: Wire) -> None:
    shown = _standing(emulator, wire.url)
    with shown.server:
        wire.hold["create"] = threading.Event()
        for number in range(3):
            httpx.post(
                f"{shown.running.url}/v1beta/models/{MODEL}:generateContent",
                json={
                    "systemInstruction": {"parts": [{"text": TEXT}]},
                    "contents": [{"parts": [{"text": f"{number}?"}]}],
                },
            )
        wait_until(lambda: "create" in wire.kinds())
        threading.Timer(0.2, wire.hold["create"].set).start()
    assert wire.kinds()[-1] == "delete"


def test_shutdown_is_bounded_and_what_is_left_is_written_down(
    emulator: Emulated, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headstart.server.gateway.explicit.keeper.CLOSING", 0.2)
    shown = _standing(emulator, wire.url, tmp_path / "ledger.db")
    wire.hold["delete"] = threading.Event()
    with shown.server:
        shown.traffic(3)
    assert wire.kinds()[-1] == "delete"
    journal = Journal.open(tmp_path / "ledger.db")
    assert [entry.path for entry in journal.leftovers] == ["v1/cachedContents/made-1"]
    journal.close()
    wire.hold["delete"].set()


class _Standing(Scene):
    """Its gateway ends when its test says so."""

    server: EmbeddedServer


def _standing(emulator: Emulated, url: str = "", journal: Path | None = None) -> _Standing:
    clock, kept = emulator[1].clock, list[RequestRecord]()
    clock.stop()
    upstream = Upstream(base_url=url or emulator[0], provider="gemini", explicit_caches=True)
    gateway = create_gateway(
        {"gemini": upstream}, sink=kept.append, journal=journal, clock=clock.now
    )
    server = EmbeddedServer(gateway, lifespan=True, grace=0.1)
    shown = _Standing(Running(server.url, gateway, kept), emulator[1])
    shown.server = server
    return shown


def _scope(shown: Scene) -> str:
    (scope,) = {held.scope for held in shown.objects._live.values()} or {*shown.objects._spent}
    return scope


def test_a_planner_that_raises_is_asked_again_later(
    scene: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        asked.append(1)
        raise RuntimeError("broken")

    asked: list[int] = []
    shown = scene()
    shown.traffic()
    keeper = shown.running.gateway.explicit.keeper
    assert list(keeper.objects)
    monkeypatch.setattr(ExplicitPlanner, "step", broken)
    shown.clock.advance(400)
    keeper.nudge()
    wait_until(lambda: asked)
    for _ in range(20):
        httpx.get(f"{shown.running.url}/healthz")
    assert len(asked) == 1
    assert shown.running.gateway.faults.counts["explicit"] == 1
