"""The operator's API, and how replicas are configured."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from headstart.planner.affinity import Affinity
from headstart.server.gateway import create_gateway
from headstart.server.replica_tables import ReplicaTable
from headstart.server.upstreams import parse_upstreams
from tests.server.replicas.conftest import Raise
from tests.waiting import wait_until


def test_the_key_opens_it(site: Raise) -> None:
    running = site(1)
    assert running.admin(key="wrong").status_code == 401
    assert httpx.get(f"{running.url}/_headstart/replicas").status_code == 401
    assert (
        httpx.delete(
            f"{running.url}/_headstart/replicas", headers={"authorization": "Bearer operator"}
        ).status_code
        == 405
    )
    (row,) = running.admin().json()["replicas"]
    assert (row["upstream"], row["state"]) == ("pool", "up")


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"action": "explode"}, 400, "not a change"),
        ({"action": "drain", "replica": "nobody"}, 404, "no such replica"),
        ({"action": "drain", "upstream": "other"}, 404, "no upstream"),
        ({"action": "add", "table": {"url": "ftp://x"}}, 400, "table.url"),
        ({"action": "add", "table": {"url": "http://h:1", "events": "tcp://*:5"}}, 400, "events"),
        ({"action": "add", "more": 1}, 400, "not a change"),
    ],
)
def test_what_is_wrong_is_said(site: Raise, change: dict[str, Any], status: int, told: str) -> None:
    refused = site(1).admin(change)
    assert refused.status_code == status
    assert told in refused.json()["error"]["message"]


def test_the_last_one_stays_and_none_is_there_twice(site: Raise) -> None:
    running = site(1)
    name = next(iter(running.engines))
    assert running.admin({"action": "remove", "replica": name}).status_code == 409
    table = {"url": f"http://{name}"}
    assert running.admin({"action": "add", "table": table}).status_code == 409


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"replicas": ["http://a", "http://a"]}, "two have one address"),
        ({"replicas": ["nonsense"]}, "x.replicas.0.url: expected http"),
        ({"replicas": "http://a"}, "x.replicas"),
        ({"replicas": [{"url": "http://a", "replay": "tcp://h:1"}]}, "replay needs events"),
        ({"replicas": [{"url": "http://a", "kind": "other"}]}, "x.replicas.0.kind"),
        ({"replicas": ["http://a"], "keep_alive": True}, "go with no keep_alive"),
    ],
)
def test_what_is_misconfigured_is_told(table: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace(".", r"\.")):
        parse_upstreams({"x": {"provider": "vllm", **table}})


def test_urls_and_tables_side_by_side() -> None:
    table = {
        "provider": "vllm",
        "replicas": ["http://a:1", {"url": "http://b:2", "rank": 1, "weight": 2}],
    }
    upstream = parse_upstreams({"x": table})["x"]
    assert upstream.base_url == "http://a:1"
    assert [t.name for t in upstream.replicas] == ["a:1", "b:2#1"]
    assert upstream.replicas[0] == ReplicaTable(url="http://a:1")
    gateway = create_gateway({"x": upstream})
    assert list(gateway.fleets["x"].members) == ["a:1", "b:2#1"]


def test_what_is_under_way_at_a_removed_replica_is_recorded(site: Raise) -> None:
    running = site(2)
    metrics = running.gateway.metrics
    with running.client().chat.completions.create(
        model="m", messages=[{"role": "user", "content": "x"}], stream=True, max_tokens=30
    ) as stream:
        next(iter(stream))
        rows = running.rows()
        name = next(name for name, row in rows.items() if row["outstanding"])
        assert running.admin({"action": "remove", "replica": name}).status_code == 200
        list(stream)
    wait_until(lambda: metrics.usage.output)
    assert metrics.usage.output == 3
    assert not running.gateway.faults.counts


def test_routing_that_raises_harms_no_one(site: Raise, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    running = site(1)
    monkeypatch.setattr(Affinity, "choose", broken)
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    assert httpx.post(f"{running.url}/v1/chat/completions", json=asked).status_code == 200
    assert running.gateway.faults.counts["route"] == 1


def test_a_bad_answers_bytes_are_no_beginning_of_a_good_one(
    site: Raise, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(Affinity, "begun", lambda _, sent: told.append(sent))
    running = site(1)
    next(iter(running.engines.values())).status = 429
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    assert httpx.post(f"{running.url}/v1/chat/completions", json=asked).status_code == 429
    assert told == []
