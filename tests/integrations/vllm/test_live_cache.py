"""One vLLM process: cold, vLLM's own hit, ours, at every length; salts, damage, endpoints.

In float32, where a hit says exactly what a miss says.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from benchmarks.vllm_server import MODEL, VLLMServer
from headstart.integrations.vllm.options import LEASE_PARAMETER
from tests.integrations.vllm.conftest import PAGE, Site
from tests.integrations.vllm.prompts import ask_all, prompt

DTYPE = "float32"


def test_cold_then_vllm_s_hit_then_ours(vllm: VLLMServer, site: Site) -> None:
    tokens = prompt("first", 5 * PAGE + 30)
    before = site.rest()
    cold = vllm.ask(tokens)
    own = vllm.ask(tokens)
    site.written(before + 4)
    vllm.reset()
    ours = vllm.ask(tokens)
    assert [cold.cached, own.cached, ours.cached] == [0, 5 * PAGE, 5 * PAGE]
    assert ours.text == own.text
    assert vllm.metric("vllm:external_prefix_cache_hits_total") == 5 * PAGE
    # What follows a shared beginning is another prompt.
    vllm.reset()
    assert vllm.ask(tokens[: 3 * PAGE + 1] + prompt("other", 300)).cached == 3 * PAGE


def test_every_length_modulo_the_block_size(vllm: VLLMServer, site: Site) -> None:
    lengths = [*range(PAGE, 2 * PAGE + 2), 3 * PAGE, 4 * PAGE, 4 * PAGE + 1]
    prompts = [prompt(f"length {size}", size) for size in lengths]
    before = site.rest()
    cold = ask_all(vllm, prompts)
    assert {answer.cached for answer in cold} == {0}
    site.written(before + sum(size // PAGE for size in lengths))
    vllm.reset()
    ours = ask_all(vllm, prompts)
    assert [answer.cached for answer in ours] == [(size - 1) // PAGE * PAGE for size in lengths]
    assert [answer.text for answer in ours] == [answer.text for answer in cold]
    # Nothing of it is written twice.
    assert site.rest() == before + sum(size // PAGE for size in lengths)


def test_prompts_shorter_than_a_block_are_left_alone(vllm: VLLMServer, site: Site) -> None:
    before = site.rest()
    sizes = (1, 2, 64, PAGE - 2)
    for size in sizes:
        vllm.ask(prompt("short", size), 1)
    vllm.reset()
    assert [vllm.ask(prompt("short", size), 1).cached for size in sizes] == [0] * len(sizes)
    assert site.rest() == before


def test_what_was_generated_is_kept_as_well(vllm: VLLMServer, site: Site) -> None:
    tokens = prompt("turn", PAGE + 100)
    before = site.rest()
    body = {"model": MODEL, "prompt": tokens, "max_tokens": 40, "temperature": 0}
    made = vllm.post("/v1/completions", {**body, "ignore_eos": True, "return_token_ids": True})
    site.written(before + 2)
    vllm.reset()
    following = [*tokens, *made["choices"][0]["token_ids"], 77, 78]
    assert vllm.ask(following, 1).cached == 2 * PAGE


def test_salts_are_apart(vllm: VLLMServer, site: Site) -> None:
    tokens = prompt("salted", 2 * PAGE + 5)
    before = site.rest()
    vllm.ask(tokens, 1, salt="alice")
    site.written(before + 2)
    vllm.reset()
    assert vllm.ask(tokens, 1, salt="bob").cached == 0
    assert vllm.ask(tokens, 1).cached == 0
    vllm.reset()
    assert vllm.ask(tokens, 1, salt="alice").cached == 2 * PAGE


def test_a_damaged_page_is_computed_again(vllm: VLLMServer, site: Site) -> None:
    tokens = prompt("damaged", 4 * PAGE + 9)
    before, known = site.rest(), set(site.pages())
    cold = vllm.ask(tokens)
    site.written(before + 4)
    # Page numbers are the last but one part of a file's name.
    page = next(path for path in site.pages() if path not in known and ".2." in path.name)
    data = bytearray(page.read_bytes())
    data[len(data) // 2] ^= 1
    page.write_bytes(data)
    vllm.reset()
    failed = vllm.metric("headstart_connector_failed_pages_total")
    again = vllm.ask(tokens)
    assert again.text == cold.text
    site.written(before + 4)
    assert vllm.metric("headstart_connector_damaged_pages_total") == 1
    assert vllm.metric("headstart_connector_failed_pages_total") == failed + 2
    # What was computed has replaced it.
    vllm.reset()
    healed = vllm.ask(tokens)
    assert (healed.cached, healed.text) == (4 * PAGE, cold.text)
    assert vllm.metric("headstart_connector_failed_pages_total") == failed + 2


def test_a_lease_reaches_the_tiers(vllm: VLLMServer, site: Site) -> None:
    before = site.rest()
    vllm.ask(prompt("leased", 2 * PAGE), 1, kv_transfer_params={LEASE_PARAMETER: 600})
    site.written(before + 2)
    deadline = time.monotonic() + 30
    while not vllm.metric("headstart_tier_leased_bytes", tier="disk"):
        assert time.monotonic() < deadline
        time.sleep(1)
        vllm.ask([5, 6], 1)


def test_requests_at_the_same_time_load_side_by_side(vllm: VLLMServer, site: Site) -> None:
    prompts = [prompt(f"side {i}", 3 * PAGE + 7 * i + 1) for i in range(6)]
    before = site.rest()
    cold = ask_all(vllm, prompts)
    site.written(before + 18)
    vllm.reset()
    answers = ask_all(vllm, prompts + prompts)
    assert {answer.cached for answer in answers} == {3 * PAGE}
    assert [answer.text for answer in answers] == [answer.text for answer in cold] * 2


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_usage_of_both_endpoints(vllm: VLLMServer, site: Site, dialect: str) -> None:
    text = f"You are the {dialect} clerk. " + " ".join(f"Rule {i}: be brief." for i in range(120))
    messages = [{"role": "user", "content": "What is rule 7?"}]
    body = {"model": MODEL, "max_tokens": 2, "temperature": 0}
    if dialect == "openai":
        path = "/v1/chat/completions"
        body |= {"messages": [{"role": "system", "content": text}, *messages]}
    else:
        path = "/v1/messages"
        body |= {"system": text, "messages": messages}
    before = site.rest()
    total, cached = _usage(vllm.post(path, body)["usage"])
    assert (total > 6 * PAGE, cached) == (True, 0)
    full = (total - 1) // PAGE
    site.written(before + full)
    vllm.reset()
    assert _usage(vllm.post(path, body)["usage"]) == (total, full * PAGE)


def _usage(usage: dict[str, Any]) -> tuple[int, int]:
    """All tokens of the prompt, and those of them that were read."""
    if "prompt_tokens" in usage:
        return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"] or 0
    parts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(usage.get(part) or 0 for part in parts), usage.get(parts[2]) or 0
