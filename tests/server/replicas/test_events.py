"""KV events over real sockets: what replicas hold, whoever put it there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from headstart.server.replicas.wire import Cleared, Removed, Stored, decoded
from tests.server.replicas.conftest import Raise, Site, ask, read_of, user
from tests.server.replicas.engine import BLOCK
from tests.server.replicas.publisher import CLEARED, Publisher, removed, stored

LONG = "what somebody else asked " * 100


def told(running: Site, name: str, good: Callable[[dict[str, object]], bool]) -> None:
    running.until(lambda rows: good(rows[name]))


def connected(running: Site) -> None:
    """A subscription takes a moment; batches before it are asked for."""

    def good(rows: dict[str, dict[str, Any]]) -> bool:
        waiting = [name for name, row in rows.items() if not row["events"].get("batches")]
        for name in waiting:
            publisher = running.engines[name].publisher
            assert publisher is not None
            publisher.publish()
        return not waiting

    running.until(good)


def warmed(running: Site, messages: list[dict[str, str]], **more: object) -> str:
    """A prompt that one replica has from another client, past the gateway."""
    name = sorted(running.engines)[1]
    body = {"model": "m", "messages": messages, **more}
    httpx.post(f"http://{name}/v1/chat/completions", json=body).raise_for_status()
    told(running, name, lambda row: bool(row["blocks"]))
    return name


def test_a_first_request_goes_where_another_client_left_its_prefix(site: Raise) -> None:
    running = site(events=True)
    connected(running)
    name = warmed(running, [user(LONG)])
    expected = len(f"<user>{LONG}\n<assistant>") // BLOCK * BLOCK
    chosen, answer = ask(running.client(), [user(LONG), user("and now?")])
    assert chosen == name
    row = running.rows()[name]
    assert row["exact"]
    assert row["requests"]["tokens_best"] == read_of(answer) >= expected - 2 * BLOCK


def test_what_was_published_before_the_gateway_came_is_asked_for(before: Any) -> None:
    publisher = Publisher()
    try:
        chain(publisher, 0, 5)
        table = {"url": "http://127.0.0.1:1", "events": publisher.events}
        running = before([{**table, "replay": publisher.replay}])
        told(running, "127.0.0.1:1", lambda row: row["blocks"] == 5 and bool(row["exact"]))
    finally:
        publisher.close()


def test_a_cleared_cache_is_known_to_be_empty(site: Raise) -> None:
    running = site(events=True)
    connected(running)
    name = warmed(running, [user(LONG)])
    running.engines[name].clear()
    told(running, name, lambda row: row["blocks"] == 0)
    ask(running.client(), [user(LONG)])
    counts = [row["requests"].get("tokens_best", 0) for row in running.rows().values()]
    assert counts == [0] * 3


def test_salted_blocks_are_another_prompt(site: Raise) -> None:
    running = site(events=True)
    connected(running)
    name = warmed(running, [user(LONG)], cache_salt="mine")
    ask(running.client(), [user(LONG)])
    assert sum(r["requests"].get("tokens_best", 0) for r in running.rows().values()) == 0
    chosen, answer = ask(running.client(), [user(LONG)], extra_body={"cache_salt": "mine"})
    assert chosen == name
    assert read_of(answer) > 2000


def test_without_tokens_events_still_tell_of_capacity_and_clears(site: Raise) -> None:
    running = site(1, events=True, tokenize=False, capacity=50)
    name = next(iter(running.engines))
    connected(running)
    client = running.client()
    for number in range(4):
        ask(client, [user(f"{number}" * 50 * BLOCK)])
    told(running, name, lambda row: row["events"].get("removed", 0) > 100)  # type: ignore[attr-defined]
    assert running.rows()[name]["history_tokens"] < 60 * BLOCK, "not four prompts"
    running.engines[name].clear()
    told(running, name, lambda row: row["history_tokens"] == 0)


def test_an_engine_that_cannot_tokenize_is_routed_by_history(site: Raise) -> None:
    running = site(events=True)
    connected(running)
    for engine in running.engines.values():
        engine.app.routes[:] = [r for r in engine.app.routes if r.path != "/tokenize"]  # type: ignore[attr-defined]
    warmed(running, [user(LONG)])
    first, _ = ask(running.client(), [user("x" + LONG)])
    again, answer = ask(running.client(), [user("x" + LONG)])
    assert first == again
    assert read_of(answer) > 2000
    assert 'kind="tokenize"' in httpx.get(f"{running.url}/metrics").text


@pytest.fixture
def one(site: Raise) -> tuple[Site, str, Publisher]:
    running = site(1, events=True)
    connected(running)
    name, engine = next(iter(running.engines.items()))
    assert engine.publisher is not None
    return running, name, engine.publisher


def ids(block: int) -> list[int]:
    return [block] * BLOCK


def chain(publisher: Publisher, first: int, count: int, *, lost: bool = False) -> None:
    """Blocks ``first`` to ``first + count``, one batch each."""
    for n in range(first, first + count):
        parent = b"%032d" % (n - 1) if n else None
        publisher.publish(stored([b"%032d" % n], parent, ids(n), BLOCK), lost=lost)


def test_lost_batches_are_asked_for_again(one: tuple[Site, str, Publisher]) -> None:
    running, name, publisher = one
    chain(publisher, 0, 3)
    chain(publisher, 3, 3, lost=True)
    chain(publisher, 6, 2)
    told(running, name, lambda row: row["blocks"] == 8)
    assert running.rows()[name]["exact"]
    assert publisher.replays


def test_what_can_not_be_had_again_leaves_history_beside_it(
    one: tuple[Site, str, Publisher],
) -> None:
    running, name, publisher = one
    chain(publisher, 0, 3)
    chain(publisher, 3, 3, lost=True)
    publisher._kept.clear()
    publisher.publish(removed([b"%032d" % 2]))
    told(running, name, lambda row: row["blocks"] == 2)
    row = running.rows()[name]
    assert not row["exact"]
    assert row["events"]["lost"] == 3
    publisher.publish(CLEARED)
    told(running, name, lambda row: row["blocks"] == 0 and bool(row["exact"]))


def test_a_publisher_that_began_anew(one: tuple[Site, str, Publisher]) -> None:
    running, name, publisher = one
    chain(publisher, 0, 4)
    told(running, name, lambda row: row["blocks"] == 4)
    publisher.restart()
    chain(publisher, 0, 1)
    told(running, name, lambda row: row["blocks"] == 1)
    assert running.rows()[name]["events"]["restarts"] == 1
    assert running.rows()[name]["exact"]


def test_damaged_batches_are_left_out_and_told(one: tuple[Site, str, Publisher]) -> None:
    running, name, publisher = one
    chain(publisher, 0, 1)
    for raw in (b"", b"\xc1", b"\x93\x01", b"\x01", b"\x92\x01\x91\x05"):
        publisher.publish(raw=raw)
    publisher.publish(stored([b"x"], None, [1, 2], BLOCK))
    publisher.publish(stored([b"y" * 32], None, ["text"] * BLOCK, BLOCK))  # type: ignore[list-item]
    chain(publisher, 1, 1)
    told(running, name, lambda row: row["blocks"] == 2)
    assert not running.rows()[name]["exact"]
    assert ask(running.client(), [user("still served")])[0] == name


def test_events_by_position_as_well() -> None:
    import msgspec

    batch = [
        1.5,
        [
            ["BlockStored", [7, 8], 6, [1, 2, 3, 4], 2, None, "GPU"],
            ["BlockStored", [9], 8, [5, 6], 2, 3, "GPU", "adapter"],
            ["BlockStored", [9], 8, [5, 6], 2, None, "GPU", None, [["s"]], 1, "of group 1"],
            ["BlockRemoved", [7], "CPU"],
            ["SomethingNew", 1, {"a": 2}],
            ["AllBlocksCleared"],
        ],
        0,
        "more",
    ]
    assert decoded(msgspec.msgpack.encode(batch)) == [
        Stored([7, 8], 6, [1, 2, 3, 4], 2, "GPU", None),
        Stored([9], 8, [5, 6], 2, "GPU", [["adapter"]]),
        Removed([7], "CPU"),
        Cleared(),
    ]


def test_an_engine_that_is_slow_to_tokenize_holds_nobody_up(site: Raise) -> None:
    running = site(events=True)
    connected(running)
    warmed(running, [user(LONG)])
    for engine in running.engines.values():
        route = next(r for r in engine.app.routes if r.path == "/tokenize")  # type: ignore[attr-defined]

        async def hang(scope: object, receive: object, send: object) -> None:
            import asyncio

            await asyncio.sleep(1)

        route.app = hang  # type: ignore[attr-defined]
    ask(running.client(), [user(LONG)])
    assert 'kind="tokenize"' in httpx.get(f"{running.url}/metrics").text
