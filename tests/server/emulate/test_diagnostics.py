"""The providers' own answers to "why was this not read?", through their SDKs."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

from tests.server.emulate.conftest import HOUSE_RULES, Emulated

TOOL = {"name": "look", "description": "Look it up.", "input_schema": {"type": "object"}}


def _ask(emulated: Emulated, previous: str | None, key: str = "k", **change: Any) -> Any:
    client = anthropic.Anthropic(base_url=emulated.url, api_key=key, max_retries=0)
    asked = {
        "model": "claude-opus-5",
        "max_tokens": 9,
        "system": HOUSE_RULES,
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [TOOL],
        **change,
    }
    more = {"cache_control": {"type": "ephemeral"}}
    return client.messages.create(
        **asked, extra_body={**more, "diagnostics": {"previous_message_id": previous}}
    )


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"model": "claude-sonnet-5"}, "model_changed"),
        ({"tools": [{**TOOL, "description": "Look."}]}, "tools_changed"),
        ({"system": f"{HOUSE_RULES}!"}, "system_changed"),
        ({"messages": [{"role": "user", "content": "Hello"}]}, "messages_changed"),
        ({"key": "stranger"}, "previous_message_not_found"),
    ],
)
def test_anthropic(emulated: Emulated, change: dict[str, Any], kind: str) -> None:
    first = _ask(emulated, None)
    assert first.model_dump()["diagnostics"] is None
    same = _ask(emulated, first.id)
    assert same.model_dump()["diagnostics"] is None
    other = _ask(emulated, first.id, **change)
    assert other.model_dump()["diagnostics"]["cache_miss_reason"]["type"] == kind


def test_anthropic_says_what_a_change_in_front_has_cost(emulated: Emulated) -> None:
    first = _ask(emulated, None)
    other = _ask(emulated, first.id, system=f"12:30:01 {HOUSE_RULES}")
    shown = other.model_dump()["diagnostics"]["cache_miss_reason"]
    assert shown["cache_missed_input_tokens"] > 2_000


def test_anthropic_does_not_know_the_message(emulated: Emulated) -> None:
    shown = _ask(emulated, "msg_none").model_dump()["diagnostics"]
    assert shown == {"cache_miss_reason": {"type": "previous_message_not_found"}}


def _respond(emulated: Emulated, other: str | None, **change: Any) -> Any:
    client = openai.OpenAI(base_url=f"{emulated.url}/v1", api_key="k", max_retries=0)
    asked = {"model": "gpt-5.6", "instructions": HOUSE_RULES, "input": "Hi", **change}
    options = {"prompt_cache_options": {"comparison_response_id": other}} if other else {}
    return client.responses.create(**asked, extra_body=options)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({}, {"type": "cache_hit"}),
        ({"prompt_cache_key": "k2"}, {"reason": "prompt_cache_key_changed"}),
        ({"reasoning": {"effort": "low"}}, {"reason": "reasoning_effort_changed"}),
        ({"instructions": f"1. {HOUSE_RULES}"}, {"reason": "input_changed"}),
        ({"model": "gpt-5.7"}, {"reason": "model_changed"}),
    ],
)
def test_openai(emulated: Emulated, change: dict[str, Any], shown: dict[str, str]) -> None:
    first = _respond(emulated, None)
    found = _respond(emulated, first.id, **change).model_dump()["prompt_cache_diagnostics"]
    assert {key: found[key] for key in shown} == shown
    assert found["type"] == ("cache_miss" if change else "cache_hit")


def test_openai_does_not_know_the_response(emulated: Emulated) -> None:
    found = _respond(emulated, "resp_none").model_dump()["prompt_cache_diagnostics"]
    assert found["type"] == "comparison_response_not_found"


def test_openai_repeats_the_cache_fields_of_a_request(emulated: Emulated) -> None:
    shown = _respond(emulated, "resp_none", prompt_cache_key="k1").model_dump()
    assert shown["prompt_cache_key"] == "k1"
    assert shown["prompt_cache_options"]["comparison_response_id"] == "resp_none"
