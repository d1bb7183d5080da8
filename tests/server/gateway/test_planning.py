from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from headstart.dialects import AnthropicHosted, OpenAIChat, Unmarkable
from headstart.planner import Plan, Reason
from headstart.prompt import Mark
from headstart.providers import rules_for
from headstart.server.emulate import emulated_accounts
from headstart.server.gateway.models import Models
from headstart.server.gateway.planning import (
    features_of,
    rechained,
    spliced,
    takes_key,
    version_of,
    wire_key,
)
from headstart.usage import Usage

DAY = date(2026, 11, 20)
HOSTED = AnthropicHosted()
RULES = rules_for("anthropic", "claude-opus-5", DAY)[0]
USER = {"role": "user", "content": [{"type": "text", "text": "x"}]}


def body(**more: Any) -> bytes:
    system = [{"type": "text", "text": "s"}]
    asked = {"model": "claude-opus-5", "max_tokens": 9, "system": system, "messages": [USER]}
    return json.dumps({**asked, **more}).encode()


def plan(*marks: Mark, strip: bool = False) -> Plan:
    return Plan(marks, strip, None, Reason.SHORT, 0.0, 0.0, Usage())


def test_a_plan_in_the_bytes() -> None:
    sent = body()
    marked = spliced(HOSTED, sent, plan(Mark(0, 3600.0), Mark(1, 300.0)), RULES, None)
    found = json.loads(marked.body)
    assert found["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert found["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert marked.original() == sent


def test_the_clients_own_directives_go_where_the_plan_says_so() -> None:
    mine = [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]
    marked = spliced(HOSTED, body(system=mine), plan(strip=True), RULES, None)
    assert json.loads(marked.body) == json.loads(body())


def test_what_cannot_be_marked_with_certainty_is_not() -> None:
    twice = body().replace(b'"max_tokens": 9', b'"max_tokens": 9, "max_tokens": 9')
    with pytest.raises(Unmarkable):
        spliced(HOSTED, twice, plan(Mark(0, 300.0)), RULES, None)


def test_a_key_beside_breakpoints() -> None:
    sent = json.dumps({"model": "gpt-5.6", "messages": [USER]}).encode()
    rules = rules_for("openai", "gpt-5.6", DAY)[0]
    marked = spliced(OpenAIChat(), sent, plan(Mark(0, 1800.0)), rules, "k1")
    found = json.loads(marked.body)
    assert found["prompt_cache_key"] == "k1"
    assert "prompt_cache_breakpoint" in found["messages"][0]["content"][0]
    assert marked.original() == sent


def test_keys_are_a_tenants_own_and_tell_nothing() -> None:
    found = {wire_key(b"s", tenant, key) for tenant in ("a", "b") for key in ("k", "l")}
    assert len(found) == 4
    assert wire_key(b"s", "a", "k") == wire_key(b"s", "a", "k") != wire_key(b"t", "a", "k")
    assert all(len(key) == 32 for key in found)


def test_only_a_dialect_that_has_keys_takes_one() -> None:
    chat = json.dumps({"model": "gpt-5", "messages": [USER]}).encode()
    assert takes_key(OpenAIChat(), OpenAIChat().read(chat))
    keyed = json.dumps({"model": "gpt-5", "messages": [USER], "prompt_cache_key": "k"}).encode()
    assert not takes_key(OpenAIChat(), OpenAIChat().read(keyed))
    assert not takes_key(HOSTED, HOSTED.read(body()))


def test_where_a_request_stands() -> None:
    call = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "r"}
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    messages = [
        USER,
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    found = features_of(HOSTED.read(body(messages=messages, tools=tools, stream=True)))
    assert found.inputs == ("tool_result",)
    assert (found.calls, found.stream, found.max_tokens, found.tools) == (1, True, 9, True)
    assert features_of(HOSTED.read(body())).inputs == ("text",)


def test_the_prompt_as_it_goes_out() -> None:
    model = Models(emulated_accounts(DAY)).get("anthropic", "claude-opus-5")
    prompt = HOSTED.read(body()).prompt
    chain = model.emulator.chain(prompt)
    assert rechained(chain, plan(), None) is chain
    assert rechained(chain, plan(Mark(0, 300.0)), None).marks == (Mark(0, 300.0),)
    assert rechained(chain, plan(), "k").controls.key == "k"
    assert version_of(prompt, chain) == chain.plain[0]
    bare = HOSTED.read(body(system=[])).prompt
    assert version_of(bare, model.emulator.chain(bare)) == b""
