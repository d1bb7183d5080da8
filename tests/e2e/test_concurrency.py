"""Many clients at once, through the server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from headstart.engine import Engine
from tests.e2e.conftest import KEYS

CLIENTS = 8
HEADERS = {"x-api-key": KEYS["acme"]}


def ask(url: str, text: str, question: str) -> dict[str, int]:
    """Usage of a short Anthropic request."""
    body = {
        "model": "smollm2-135m",
        "max_tokens": 8,
        "system": text,
        "messages": [{"role": "user", "content": question}],
    }
    response = httpx.post(f"{url}/v1/messages", json=body, headers=HEADERS, timeout=120)
    assert response.status_code == 200, response.text
    usage = response.json()["usage"]
    assert isinstance(usage, dict)
    return usage


def test_clients_with_one_prefix_compute_it_once(url: str) -> None:
    text = "The mill of Kalmar grinds rye. " * 60
    with ThreadPoolExecutor(CLIENTS) as pool:
        usages = list(pool.map(lambda n: ask(url, text, f"Question {n}?"), range(CLIENTS)))
    computed = [usage["input_tokens"] for usage in usages]
    assert sum(tokens > 400 for tokens in computed) == 1, computed
    assert sum(usage["cache_read_input_tokens"] > 400 for usage in usages) == CLIENTS - 1


def test_clients_with_many_prompts_are_all_answered(url: str, builtin_engine: Engine) -> None:
    prompts = [f"Town {n} lies by a lake. " * (5 + n % 7) for n in range(24)]
    with ThreadPoolExecutor(len(prompts)) as pool:
        usages = list(pool.map(lambda text: ask(url, text, "Where?"), prompts))
    assert all(1 <= usage["output_tokens"] <= 8 for usage in usages)
    assert builtin_engine.stats().requests_running == 0
