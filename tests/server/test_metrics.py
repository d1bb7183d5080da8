from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.server.conftest import Serve
from tests.server.scripted import ScriptedEngine, fail, say

BODY = {"model": "scripted", "max_tokens": 8, "messages": [{"role": "user", "content": "hi"}]}


def scrape(text: str) -> dict[tuple[str, ...], float]:
    """Samples by name and label values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_tokens_and_cache_are_counted(serve: Serve) -> None:
    engine = ScriptedEngine(say("a", "b"), say("c", read=6), fail(RuntimeError("x")))
    client = serve(engine)
    client.post("/v1/messages", json=BODY)
    client.post("/v1/chat/completions", json=BODY)
    client.post("/v1/chat/completions", json={**BODY, "model": "other"})
    client.get("/healthz")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    seen = scrape(response.text)
    assert seen["headstart_requests_total", "anthropic", "200"] == 1
    assert seen["headstart_requests_total", "openai", "200"] == 1
    assert seen["headstart_requests_total", "openai", "404"] == 1
    assert seen["headstart_tokens_total", "read"] == 6
    assert seen["headstart_tokens_total", "fresh"] == 14
    assert seen["headstart_tokens_total", "written"] == 0
    assert seen["headstart_tokens_total", "output"] == 3
    assert seen["headstart_token_hit_ratio",] == 0.3
    assert seen["headstart_ttft_seconds_count", "hit"] == 1
    assert seen["headstart_ttft_seconds_count", "miss"] == 1
    assert seen["headstart_cache_bytes", "cached"] == 640
    assert seen["headstart_cache_bytes", "running"] == 64
    assert seen["headstart_evicted_tokens_total",] == 7
    assert seen["headstart_leases_broken_total",] == 1


def test_two_apps_count_apart(serve: Serve) -> None:
    one, other = serve(ScriptedEngine()), serve(ScriptedEngine())
    one.post("/v1/messages", json=BODY)
    assert ("headstart_requests_total", "anthropic", "200") in scrape(one.get("/metrics").text)
    assert ("headstart_requests_total", "anthropic", "200") not in scrape(
        other.get("/metrics").text
    )
