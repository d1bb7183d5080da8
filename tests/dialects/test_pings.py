"""A ping has its request's prompt and all its bytes, but for the limit and ``stream``."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects import (
    COMPATIBLE,
    AnthropicHosted,
    BedrockConverse,
    BedrockInvoke,
    Gemini,
    Hosted,
    OpenAIChat,
    OpenAIResponses,
    Placement,
)
from headstart.dialects.pings import ping_body, ping_output
from headstart.providers import emulate

CLAUDE = AnthropicHosted()
DAY = date(2026, 11, 23)
ASKED = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
TOOL = {"name": "t", "input_schema": {"type": "object"}}
FUNCTION = {"type": "function", "function": {"name": "t", "parameters": {}}}
_LIMITS = {"max_tokens", "max_completion_tokens", "max_output_tokens", "stream", "inferenceConfig"}


def pinged(hosted: Hosted, body: dict[str, Any], model: str | None = None) -> Any:
    """The ping's body as a value, and what it forces."""
    raw = json.dumps(body).encode()
    call = hosted.read(raw, model=model)
    ping = ping_body(hosted, raw, call)
    output = ping_output(hosted, call)
    assert (ping is None) == (output is None)
    return None if ping is None else (json.loads(ping), output)


def claude(**fields: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-4-6", "max_tokens": 4096, "messages": ASKED, **fields}


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "gpt-6-astra", "messages": ASKED, **fields}


def responses(**fields: Any) -> dict[str, Any]:
    return {"model": "gpt-6-astra", "input": [{"role": "user", "content": "x"}], **fields}


def test_anthropic_prewarms() -> None:
    assert pinged(CLAUDE, claude(stream=True)) == (claude(stream=False, max_tokens=0), 0)
    adaptive = claude(thinking={"type": "adaptive"}, tools=[TOOL], tool_choice={"type": "auto"})
    assert pinged(CLAUDE, adaptive) == ({**adaptive, "max_tokens": 0}, 0)
    client = claude(tools=[TOOL, {"type": "bash_20250124", "name": "bash"}])
    assert pinged(CLAUDE, client) == ({**client, "max_tokens": 0}, 0)
    edited = claude(context_management={"edits": [{"type": "clear_thinking_20251015"}]})
    assert pinged(CLAUDE, edited) == ({**edited, "max_tokens": 0}, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [TOOL], "tool_choice": {"type": "any"}},
        {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "t"}},
        {"output_config": {"format": {"type": "json_schema", "schema": {}}}},
        {"anthropic_version": "vertex-2023-10-16"},
    ],
)
def test_anthropic_answers_with_one_token_where_it_has_to(fields: dict[str, Any]) -> None:
    body = claude(stream=True, **fields)
    assert pinged(CLAUDE, body) == ({**body, "max_tokens": 1}, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        {"tools": [TOOL, {"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]},
        {"tools": [{"type": "mcp_toolset", "mcp_server_name": "m"}]},
        {"mcp_servers": [{"type": "url", "url": "https://a.example", "name": "m"}]},
        {"container": "container_1"},
        {"context_management": {"edits": [{"type": "compact_20260112"}]}},
    ],
)
def test_anthropic_has_none(fields: dict[str, Any]) -> None:
    assert pinged(CLAUDE, claude(**fields)) is None


def test_a_token_count_has_none() -> None:
    raw = json.dumps(claude()).encode()
    call = CLAUDE.read(raw, operation="count")
    assert ping_body(CLAUDE, raw, call) is None
    assert ping_output(CLAUDE, call) is None


def test_bedrock() -> None:
    converse, model = BedrockConverse(), "anthropic.claude-sonnet-4-5-20250929-v1:0"
    body = {"messages": [{"role": "user", "content": [{"text": "x"}]}]}
    one = {**body, "inferenceConfig": {"maxTokens": 1}}
    assert pinged(converse, body, model) == (one, 1)
    assert pinged(converse, {**body, "inferenceConfig": {}}, model) == (one, 1)
    assert pinged(converse, {**body, "inferenceConfig": None}, model) == (one, 1)
    given = {**body, "inferenceConfig": {"maxTokens": 9, "temperature": 0.5}}
    kept = {**body, "inferenceConfig": {"maxTokens": 1, "temperature": 0.5}}
    assert pinged(converse, given, model) == (kept, 1)
    for fields in (
        {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}},
        {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}},
        {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}},
        {"additionalModelRequestFields": {"reasoningConfig": {"type": "enabled"}}},
    ):
        assert pinged(converse, {**body, **fields}, model) is None
    invoke = BedrockInvoke()
    native = claude(anthropic_version="bedrock-2023-05-31")
    del native["model"]
    assert pinged(invoke, native, model) == ({**native, "max_tokens": 1}, 1)
    assert pinged(invoke, body, "amazon.nova-pro-v1:0") is None


def test_openai_chat() -> None:
    body = chat(stream=True, tools=[FUNCTION])
    sent = chat(stream=False, tools=[FUNCTION], max_completion_tokens=16)
    assert pinged(OpenAIChat(), body) == (sent, 16)
    assert pinged(OpenAIChat(), chat(max_tokens=500)) == (chat(max_tokens=16), 16)
    asked = chat(stream=True, stream_options={"include_usage": True})
    assert pinged(OpenAIChat(), asked) == ({**asked, "max_completion_tokens": 16}, 16)
    searches = {"type": "builtin_function", "function": {"name": "$web_search"}}
    refused: tuple[dict[str, Any], ...] = (
        {"n": 2},
        {"web_search_options": {}},
        {"audio": {"voice": "alloy"}},
        {"tools": [FUNCTION, searches]},
    )
    for fields in refused:
        assert pinged(OpenAIChat(), chat(**fields)) is None


def test_those_that_speak_chat() -> None:
    qwen, router = COMPATIBLE["qwen"], COMPATIBLE["openrouter"]
    assert pinged(qwen, chat()) is None, "thinking is not limited"
    plain = chat(enable_thinking=False)
    assert pinged(qwen, plain) == ({**plain, "max_tokens": 1}, 1)
    assert pinged(qwen, chat(enable_thinking=False, enable_search=True)) is None
    assert pinged(router, chat()) == (chat(max_tokens=16), 16)
    assert pinged(router, chat(plugins=[{"id": "web"}])) is None
    assert pinged(router, chat(model="anthropic/claude-sonnet-5:online")) is None
    assert pinged(router, chat(reasoning={"effort": "high"})) is None


def test_responses() -> None:
    dialect = OpenAIResponses()
    sent = responses(stream=False, max_output_tokens=16)
    assert pinged(dialect, responses(stream=True)) == (sent, 16)
    for fields in (
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "mcp", "server_label": "s", "server_url": "https://a.example"}]},
        {"background": True},
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
    ):
        assert pinged(dialect, responses(**fields)) is None


def test_gemini_has_none() -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    assert pinged(Gemini(), body, "gemini-2.5-pro") is None


def test_a_doubtful_body_has_none() -> None:
    raw = b'{"model":"m","max_tokens":5,"max_tokens":7,"messages":[{"role":"user","content":"x"}]}'
    assert ping_body(CLAUDE, raw, CLAUDE.read(raw)) is None


_texts = st.text(min_size=1, max_size=20)
_blocks = st.lists(st.builds(lambda t: {"type": "text", "text": t}, _texts), min_size=1, max_size=3)
_turns = st.lists(
    st.builds(lambda a, b: [("user", a), ("assistant", b)], _blocks, _blocks), max_size=2
)
_free = st.fixed_dictionaries(
    {},
    optional={
        "stream": st.booleans(),
        "temperature": st.just(0.5),
        "metadata": st.just({"user_id": "u"}),
        "unheard_of": st.recursive(st.none() | _texts, lambda x: st.lists(x, max_size=2)),
    },
)
_anthropic = st.fixed_dictionaries(
    {"model": st.just("claude-sonnet-4-6"), "max_tokens": st.integers(1, 99)},
    optional={
        "tools": st.just([TOOL]),
        "tool_choice": st.sampled_from([{"type": "auto"}, {"type": "any"}, {"type": "none"}]),
        "thinking": st.sampled_from([{"type": "adaptive"}, {"type": "disabled"}, None]),
        "output_config": st.sampled_from([{"effort": "low"}, {"format": {"type": "json_schema"}}]),
        "system": _texts | _blocks,
        "speed": st.sampled_from(["fast", "standard"]),
    },
)
_chats = st.fixed_dictionaries(
    {"model": st.sampled_from(["gpt-6-astra", "gpt-4.1"])},
    optional={
        "max_tokens": st.integers(1, 99),
        "max_completion_tokens": st.integers(1, 99) | st.none(),
        "tools": st.just([FUNCTION]),
        "stream_options": st.just({"include_usage": True}),
        "prompt_cache_key": _texts,
        "reasoning_effort": st.sampled_from(["low", "high"]),
    },
)


@settings(max_examples=150)
@given(_anthropic | _chats, _free, _turns, _blocks, st.data())
def test_the_key_stays(
    head: dict[str, Any], free: dict[str, Any], turns: Any, last: Any, data: st.DataObject
) -> None:
    """The provider, asked the emulator's way, sees one and the same prompt."""
    said = [item for turn in turns for item in turn] + [("user", last)]
    whole = {**head, **free, "messages": [{"role": r, "content": c} for r, c in said]}
    items = data.draw(st.permutations(list(whole.items())))
    spaces = data.draw(st.sampled_from([None, 2]))
    raw = json.dumps(dict(items), indent=spaces, ensure_ascii=bool(spaces)).encode()
    mine = "claude" in head["model"]
    hosted: Hosted = CLAUDE if mine else OpenAIChat()
    emulator = emulate("anthropic" if mine else "openai", head["model"], DAY, count=_count)
    call = hosted.read(raw)
    if mine:
        segment = max(i for i, s in enumerate(call.prompt.segments) if s.markable)
        raw = hosted.mark(raw, [Placement(segment, None)]).body
        call = hosted.read(raw)
    ping = ping_body(hosted, raw, call)
    assert ping is not None
    again = hosted.read(ping)  # and no refusal: a limit of 0 stands with nothing it must not
    assert emulator.chain(again.prompt) == emulator.chain(call.prompt)
    before, after = json.loads(raw), json.loads(ping)
    assert _rest(before) == _rest(after)
    assert list(before) == [key for key in after if key in before]
    assert again.max_tokens == ping_output(hosted, call)


def _rest(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in _LIMITS}


def _count(segment: Any) -> int:
    return len(segment.text)
