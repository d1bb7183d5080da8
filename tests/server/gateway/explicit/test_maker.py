"""What can go wrong when an object is made, and that it is made behind the answers."""

from __future__ import annotations

import json

import pytest

from headstart.server.gateway.explicit.maker import REFUSED
from tests.server.gateway.explicit.conftest import GAP, MODEL, TEXT, TOOL, Make, Wire
from tests.server.gateway.raw import resetting


def test_what_is_sent(scene: Make, wire: Wire) -> None:
    shown = scene(wire.url)
    shown.traffic(4, tools=[TOOL], labels={"team": "mill"}, temperature=0.5)
    kind, path, body = wire.asked[3]
    assert (kind, path) == ("create", "/v1/cachedContents")
    first, made = json.loads(wire.bodies("generate")[0]), json.loads(body)
    assert made == {
        "model": f"models/{MODEL}",
        "systemInstruction": first["systemInstruction"],
        "tools": first["tools"],
        "ttl": "300s",
        "displayName": "headstart",
    }
    head = next(head for head in wire.raw.heads if b"/cachedContents" in head).lower()
    assert b"x-goog-api-key: aiza-1" in head
    (continued,) = wire.bodies("continue")
    last = {**first, "contents": [{"role": "user", "parts": [{"text": "Question 3?"}]}]}
    del last["systemInstruction"], last["tools"]
    assert json.loads(continued) == {**last, "cachedContent": "cachedContents/made-1"}


@pytest.mark.parametrize("status", [429, 503])
def test_an_upstream_that_has_enough_is_left_alone_for_a_while(
    scene: Make, wire: Wire, status: int
) -> None:
    shown = scene(wire.url)
    wire.answers["create"] = (status, b"{}")
    shown.traffic(3, gap=10)
    assert wire.kinds().count("create") == 1
    del wire.answers["create"]
    shown.traffic(4, gap=10)
    assert wire.kinds().count("create") == 1
    shown.wait(30)
    shown.traffic(1)
    assert wire.kinds().count("create") == 2
    assert shown.event("made") == 1


def test_so_it_is_after_a_client_was_told_so(scene: Make, wire: Wire) -> None:
    shown = scene(wire.url)
    shown.traffic(2, gap=10)
    wire.answers["generate"] = (429, b"{}")
    with pytest.raises(Exception, match="429"):
        shown.ask()
    shown.settled(3)
    del wire.answers["generate"]
    shown.traffic(2, gap=10)
    assert "create" not in wire.kinds()


def test_a_refused_prefix_is_not_tried_again_for_an_hour(scene: Make, wire: Wire) -> None:
    shown = scene(wire.url)
    wire.answers["create"] = (400, b'{"error":{"code":400,"message":"too small"}}')
    shown.traffic(7)
    assert wire.kinds().count("create") == 1
    assert shown.costs == []
    shown.traffic(3, system=TEXT + "Other.")
    assert wire.kinds().count("create") == 2, "another one is"
    del wire.answers["create"]
    shown.wait(REFUSED - 9 * GAP)
    shown.traffic(2)
    assert shown.event("made") == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"name":"../../x"}'])
def test_an_answer_that_is_none(scene: Make, wire: Wire, body: bytes) -> None:
    shown = scene(wire.url)
    wire.answers["create"] = (200, body)
    shown.traffic(4)
    assert set(wire.kinds()) == {"generate", "create"}
    assert len(shown.running.gateway.explicit.keeper.objects) == 0


def test_a_connection_that_breaks(scene: Make, wire: Wire) -> None:
    shown = scene(wire.url)
    shown.traffic(2)
    good, wire.raw.answer = (
        wire.raw.answer,
        lambda connection: (
            resetting(b"")(connection)
            if b"/cachedContents" in wire.raw.heads[-1]
            else good(connection)
        ),
    )
    shown.traffic(3)
    assert "continue" not in wire.kinds()
    assert shown.event("refused") >= 1
    assert all(record.status == 200 for record in shown.requests)
    wire.raw.answer = good
    shown.traffic(3)
    assert "continue" in wire.kinds()
