"""Explicit caches over real sockets, with Google's own SDK."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from google.genai import types

from headstart.server.emulate import State
from headstart.server.emulate.accounts import account_of
from headstart.server.gateway import Upstream
from tests.server.gateway.conftest import Start
from tests.server.gateway.explicit.conftest import (
    GAP,
    MODEL,
    TEXT,
    TOOL,
    Make,
    Scene,
    Wire,
    read,
)
from tests.waiting import wait_until

PRICE = 0.75e-6
BODY = json.dumps(
    {
        "systemInstruction": {"parts": [{"text": TEXT}]},
        "contents": [{"role": "user", "parts": [{"text": "How many?"}]}],
    }
).encode()
KEY = {"x-goog-api-key": "AIza-1"}
PATH = f"/v1beta/models/{MODEL}:generateContent"


def test_an_object_is_made_once_traffic_shows_that_it_pays(scene: Make) -> None:
    shown = scene()
    shown.traffic(2)
    assert len(shown.live) == 0
    shown.traffic(1)
    assert len(shown.live) == 1
    got = shown.ask()
    assert read(got) > 4096
    record = shown.requests[-1]
    assert record.predicted is not None
    assert (record.predicted.read, record.predicted.fresh) == (
        record.usage.read,
        record.usage.fresh,
    )
    assert record.usage.read == read(got)
    assert (record.plan, record.reason) == (f"cache=explicit;{read(got)}", None)
    assert record.cost == pytest.approx(
        PRICE * (0.1 * record.usage.read + record.usage.fresh + 5 * record.usage.output)
    )
    assert record.cost_automatic is None
    assert record.saved is not None
    assert record.saved > 0


def test_what_an_object_costs_is_in_the_ledger(scene: Make) -> None:
    shown = scene()
    shown.traffic(8)
    made, *stored = shown.costs
    assert (made.plan, made.usage.fresh, made.usage.input) == ("cache_create", 5391, 5391)
    assert made.cost == pytest.approx(5391 * PRICE)
    assert {record.plan for record in stored} == {"cache_storage"}
    assert all(record.usage.input == 0 and record.cost_uncached == 0 for record in stored)
    hours = sum(record.cost or 0.0 for record in stored) / (5391 * 0.5e-6)
    assert 5 * GAP - 300 <= hours * 3600 <= 6 * GAP
    assert shown.event("made") == 1
    assert shown.event("extended") == len(stored)
    total = sum(record.cost or 0.0 for record in shown.running.kept)
    assert total < sum(record.cost_uncached or 0.0 for record in shown.requests)


def test_another_system_text_is_never_answered_from_it(scene: Make) -> None:
    shown = scene()
    shown.traffic(3)
    assert read(shown.ask(system=TEXT + "New.")) == 0
    assert read(shown.ask(system=TEXT[1:])) == 0
    assert read(shown.ask(tools=[TOOL])) == 0
    mode = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.NONE)
    config = types.ToolConfig(function_calling_config=mode)
    assert read(shown.ask(tools=[TOOL], tool_config=config)) == 0
    assert read(shown.ask()) > 4096


def test_tools_and_their_configuration_are_held_too(scene: Make) -> None:
    shown = scene()
    mode = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.NONE)
    config = types.ToolConfig(function_calling_config=mode)
    shown.traffic(3, tools=[TOOL], tool_config=config)
    assert read(shown.ask(tools=[TOOL], tool_config=config)) > 4096
    assert read(shown.ask()) == 0


def test_a_document_and_questions_about_it(scene: Make) -> None:
    shown = scene()
    document = types.Content(role="user", parts=[types.Part(text=TEXT)])
    for number in range(5):
        question = types.Content(role="user", parts=[types.Part(text=f"Line {number}?")])
        got = shown.ask(system="Be brief.", contents=[document, question])
        shown.wait(GAP)
    assert read(got) > 5000
    record = shown.requests[-1]
    assert record.predicted == replace(record.usage, output=0)


def test_a_conversation_goes_on_from_what_is_held_of_it(scene: Make) -> None:
    shown = scene()
    turns = [types.Content(role="user", parts=[types.Part(text=TEXT)])]
    reads = []
    for number in range(6):
        got = shown.ask(system="Be brief.", contents=list(turns))
        reads.append(read(got))
        assert got.candidates is not None
        assert got.candidates[0].content is not None
        turns += [
            got.candidates[0].content,
            types.Content(role="user", parts=[types.Part(text=f"And {number}?")]),
        ]
        shown.wait(GAP)
    assert reads[:3] == [0, 0, 0]
    assert all(reads[4:])


def test_implicit_hits_leave_nothing_to_gain(scene: Make) -> None:
    shown = scene()
    shown.traffic(12, gap=100.0)
    assert all(record.usage.read > 5000 for record in shown.requests[1:])
    assert shown.costs == []


def test_a_stream_reads_it(scene: Make) -> None:
    shown = scene()
    shown.traffic(3)
    config = types.GenerateContentConfig(system_instruction=TEXT)
    chunks = list(
        shown.client().models.generate_content_stream(
            model=MODEL, contents="How many?", config=config
        )
    )
    assert chunks[-1].usage_metadata is not None
    assert (chunks[-1].usage_metadata.cached_content_token_count or 0) > 4096
    shown.settled(4)
    assert shown.requests[-1].stream
    assert shown.requests[-1].plan.startswith("cache=explicit")


@pytest.mark.parametrize("stream", [False, True])
def test_a_vanished_object_is_not_noticed(scene: Make, stream: bool) -> None:
    shown = scene()
    shown.traffic(3)
    (held,) = shown.running.gateway.explicit.keeper.objects
    shown.objects.delete(held.name, shown.clock.now(), scope=_account("AIza-1"))
    config = types.GenerateContentConfig(system_instruction=TEXT)
    models, asked = shown.client().models, shown.state.journal.count
    if stream:
        chunks = list(
            models.generate_content_stream(model=MODEL, contents="How many?", config=config)
        )
        assert "".join(chunk.text or "" for chunk in chunks)
    else:
        assert models.generate_content(model=MODEL, contents="How many?", config=config).text
    shown.settled(4)
    assert shown.state.journal.count == asked + 1
    record = shown.requests[-1]
    assert (record.status, record.plan, record.usage.read) == (200, "cache=gone", 0)
    assert record.predicted is not None
    assert record.predicted.input == record.usage.input
    assert shown.event("gone") == 1
    assert len(shown.running.gateway.explicit.keeper.objects) == 0


def test_two_tenants_never_share(scene: Make) -> None:
    shown = scene()
    shown.traffic(3, key="AIza-1")
    assert read(shown.ask(key="AIza-1")) > 0
    assert read(shown.ask(key="AIza-2")) == 0
    shown.traffic(3, key="AIza-2")
    assert read(shown.ask(key="AIza-2")) > 0
    held = list(shown.running.gateway.explicit.keeper.objects)
    assert len({one.name for one in held}) == 2
    assert len({one.group.tenant for one in held}) == 2
    assert shown.event("gone") == 0


def test_tenants_of_one_credential_do_not_share_either(
    scene: Make, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", "AIza-ours")
    shown = scene(
        wire.url,
        {"keys": {"alice": "key-a", "bob": "key-b"}},
        auth="inject",
        key_env="OUR_KEY",
    )
    shown.traffic(4, key="key-a")
    assert wire.kinds().count("continue") == 1
    shown.traffic(3, key="key-b")
    assert wire.kinds().count("continue") == 1
    shown.ask(key="key-b")
    first, second = (json.loads(body)["cachedContent"] for body in wire.bodies("continue"))
    assert first != second
    assert all(b"AIza-ours" in head and b"key-" not in head for head in wire.raw.heads)


def test_a_budget_that_is_used_up(scene: Make) -> None:
    shown = scene(explicit_cache_budget="0.001/day")
    shown.traffic(5)
    assert len(shown.live) == 0
    assert shown.event("over_budget") > 0
    shown = scene(explicit_cache_budget="0.006/day")
    shown.traffic(3, system=TEXT + "A")
    shown.traffic(3, system=TEXT + "B")
    assert shown.event("made") == 1
    assert sum(record.cost or 0.0 for record in shown.costs) <= 0.006


def test_without_the_option_nothing_is_made(scene: Make) -> None:
    shown = scene(explicit_caches=False)
    shown.traffic(6)
    assert len(shown.live) == 0
    assert {record.plan for record in shown.running.kept} == {"automatic"}


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-9-unheard-of"])
def test_no_object_where_nobody_knows_what_it_costs(scene: Make, wire: Wire, model: str) -> None:
    shown = scene(wire.url)
    for number in range(4):
        _post(shown, BODY, PATH.replace(MODEL, model))
        shown.settled(number + 1)
    assert set(wire.kinds()) == {"generate"}


@pytest.mark.parametrize(
    "text",
    [
        '{"contents":[{"parts":[{"text":"a"}]}],"contents":[]}',
        '{"contents":[{"parts":[{"text":"a"}]}],"toolConfig":{},"tool_config":{}}',
        "{" * 300,
        "[]",
    ],
)
def test_doubtful_bodies_go_on_as_they_are(scene: Make, wire: Wire, text: str) -> None:
    shown = scene(wire.url)
    for _ in range(4):
        assert _post(shown, text.encode()).status_code == 200
    assert wire.bodies("generate") == [text.encode()] * 4


def test_the_same_at_once_is_made_once_and_nobody_waits(scene: Make, wire: Wire) -> None:
    wire.hold["create"] = threading.Event()
    shown = scene(wire.url)
    shown.traffic(2)
    body = wire.bodies("generate")[0]
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(_post, shown, body) for _ in range(16)]
        assert all(got.result().status_code == 200 for got in asked)
    wait_until(lambda: "create" in wire.kinds())
    assert wire.kinds().count("generate") == 18
    wire.hold["create"].set()
    wait_until(lambda: shown.running.gateway.explicit.keeper.idle)
    assert wire.kinds().count("create") == 1
    assert _post(shown, body).headers["x-headstart-plan"] == "cache=explicit;5900"


def _post(shown: Scene, body: bytes, path: str = PATH) -> httpx.Response:
    """A request by hand, for what the SDK hides."""
    return httpx.post(shown.running.url + path, content=body, headers=KEY)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_is_refused_is_sent_once_more_as_the_client_wrote_it(
    scene: Make, wire: Wire, status: int
) -> None:
    shown = scene(wire.url)
    shown.traffic(3, gap=10)
    wire.answers["continue"] = (status, b'{"error":{}}')
    body = json.loads(wire.bodies("generate")[0])
    text = b" " + json.dumps({**body, "x-unknown": [1.0, {"a": "\u00e9"}]}).encode()
    got = httpx.post(shown.running.url + PATH, content=text, headers=KEY)
    shown.settled(4)
    assert (got.status_code, got.headers["x-headstart-plan"]) == (200, "cache=gone")
    assert wire.kinds()[4:6] == ["continue", "generate"]
    assert json.loads(wire.asked[4][2])["x-unknown"] == [1.0, {"a": "é"}]
    assert wire.asked[5][2] == text
    assert len(shown.running.gateway.explicit.keeper.objects) == 0
    assert ("delete" in wire.kinds()) == (status == 400)
    assert [record.status for record in shown.requests[-1:]] == [200]
    wire.answers.clear()
    shown.traffic(4)
    again = wire.kinds()[6:].count("create")
    assert again == (0 if status == 400 else 1), "one that does not fit is not made again"


def test_an_error_of_the_clients_own_costs_no_object(scene: Make, wire: Wire) -> None:
    shown = scene(wire.url)
    shown.traffic(3)
    wire.answers["continue"] = wire.answers["generate"] = (400, b'{"error":{"code":400}}')
    got = _post(shown, wire.bodies("generate")[0])
    assert (got.status_code, got.content) == (400, b'{"error":{"code":400}}')
    shown.settled(4)
    wire.answers.clear()
    assert _post(shown, wire.bodies("generate")[0]).status_code == 200
    assert wire.kinds()[-3:] == ["continue", "generate", "continue"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_other_answers_are_the_clients(scene: Make, wire: Wire, status: int) -> None:
    shown = scene(wire.url)
    shown.traffic(3)
    wire.answers["continue"] = (status, b'{"error":{}}')
    assert _post(shown, wire.bodies("generate")[0]).status_code == status
    assert wire.kinds()[-1] == "continue"


def test_a_clients_own_objects_are_its_own(scene: Make) -> None:
    shown = scene()
    client = shown.client()
    config = types.CreateCachedContentConfig(system_instruction=TEXT, ttl="600s")
    made = client.caches.create(model=MODEL, config=config)
    used = types.GenerateContentConfig(cached_content=made.name)
    for number in range(5):
        got = client.models.generate_content(model=MODEL, contents=f"{number}?", config=used)
        assert read(got) > 4096
        shown.settled(number + 1)
    assert shown.costs == []
    records = shown.requests
    assert {record.plan for record in records} == {"automatic"}
    assert [record.usage.read for record in records] == [read(got)] * 5
    predicted = [record.predicted.read for record in records if record.predicted is not None]
    assert predicted == [0, *[read(got)] * 4]


def test_a_key_in_the_query(scene: Make, wire: Wire) -> None:
    shown = scene(wire.url)
    for number in range(4):
        httpx.post(f"{shown.running.url}{PATH}?key=AIza-q&alt=json", content=BODY)
        shown.settled(number + 1)
        shown.wait(GAP)
    paths = {kind: path for kind, path, _ in wire.asked}
    assert paths["create"] == "/v1beta/cachedContents?key=AIza-q"
    assert paths["extend"] == "/v1beta/cachedContents/made-1?key=AIza-q"
    assert paths["continue"] == f"{PATH}?key=AIza-q&alt=json"


def test_vertex(start: Start, emulator: tuple[str, State]) -> None:
    """The same shapes on other paths; on Vertex ``model`` and names are paths too."""
    clock = emulator[1].clock
    upstream = Upstream(base_url=emulator[0], provider="vertex", explicit_caches=True)
    running = start({"vertex": upstream}, clock=clock.now)
    shown = Scene(running, emulator[1])
    place = "projects/p-1/locations/europe-west1"
    url = f"{running.url}/v1beta1/{place}/publishers/google/models/{MODEL}:generateContent"
    for number in range(4):
        got = httpx.post(url, content=BODY, headers={"authorization": "Bearer ya29.x"}).json()
        shown.settled(number + 1)
        shown.wait(GAP)
    assert got["usageMetadata"]["cachedContentTokenCount"] > 4096
    (held,) = running.gateway.explicit.keeper.objects
    assert held.name.startswith(f"{place}/cachedContents/")
    assert shown.requests[-1].predicted is not None
    assert shown.requests[-1].predicted.read == shown.requests[-1].usage.read


def test_credentials_and_prompts_are_nowhere(
    scene: Make, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    shown = scene(gateway={"journal": tmp_path / "x"})
    shown.traffic(4, key="AIza-secret")
    (held,) = shown.running.gateway.explicit.keeper.objects
    told = shown.running.metrics() + caplog.text + repr(shown.running.kept)
    told += repr((held, held.site, held.lease))
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert held.path.encode() in written
    for secret in ("AIza-secret", "miller"):
        assert secret not in told
        assert secret.encode() not in written
    assert 'headstart_gateway_explicit_caches_total{event="made"} 1.0' in told


def _account(key: str) -> str:
    return account_of({"x-goog-api-key": key}, {})
