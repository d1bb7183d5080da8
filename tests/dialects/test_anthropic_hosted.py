from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from headstart.dialects import AnthropicHosted, DialectError
from headstart.dialects.hosted import Call, Reply
from headstart.prompt import Kind
from headstart.usage import Usage

HOSTED = AnthropicHosted()
FIVE: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}
HOUR: dict[str, Any] = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
NEW = {"anthropic-version": "2026-10-21"}
OLD = {"anthropic-version": "2023-06-01"}
REPLY = Reply("Hello", "stop", Usage(1, 2, 3, 4, 0, 5), "m", "msg_1", 0)


def _text(text: str, **extra: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **extra}


def _turn(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def _body(*messages: dict[str, Any], **fields: Any) -> bytes:
    turns = list(messages) or [{"role": "user", "content": "u"}]
    return json.dumps({"model": "m", "max_tokens": 1, "messages": turns, **fields}).encode()


def _read(*messages: dict[str, Any], **fields: Any) -> Call:
    return HOSTED.read(_body(*messages, **fields))


def _refusal(body: bytes, **given: Any) -> str:
    with pytest.raises(DialectError) as caught:
        HOSTED.read(body, **given)
    assert (caught.value.status, caught.value.kind) == (400, "invalid_request_error")
    return caught.value.message


def test_segments_in_the_order_of_a_cache() -> None:
    call = _read(
        {"role": "user", "content": "hé"},
        _turn(
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "tool_use", "id": "i", "name": "n", "input": {"b": 1.0, "a": 1e3}, **FIVE},
            {"type": "server_tool_use", "id": "j", "name": "web_search", "input": {}},
            {"type": "a_block_of_tomorrow", "x": [None]},
            role="assistant",
        ),
        _turn(
            {
                "type": "tool_result",
                "tool_use_id": "i",
                "content": [_text("r", **FIVE), {"type": "image", "source": {}}],
            },
            _text("t", cache_control=None),
        ),
        {"role": "system", "content": "now"},
        system=[_text("s", **HOUR)],
        tools=[
            {"name": "n", "input_schema": {}, **HOUR},
            {"type": "web_search_20260209", "name": "web_search", "defer_loading": True},
        ],
    )
    found = [
        (s.kind, s.role, s.message, s.part, s.text, s.type, s.markable, s.ttl)
        for s in call.prompt.segments
    ]
    tool, system, turn = Kind.TOOL, Kind.SYSTEM, Kind.MESSAGE
    redacted = '{"type":"redacted_thinking","data":"d"}'
    use = '{"name":"n","input":{"b":1.0,"a":1000.0}}'
    server = '{"type":"server_tool_use","id":"j","name":"web_search","input":{}}'
    later = '{"type":"a_block_of_tomorrow","x":[null]}'
    result = 'r{"type":"image","source":{}}'
    assert found == [
        (tool, "tools", -1, 0, '{"name":"n","input_schema":{}}', "tool", True, 3600.0),
        (tool, "tools", -1, 1, "", "tool", False, None),
        (system, "system", -1, 0, "s", "text", True, 3600.0),
        (turn, "user", 0, 0, "hé", "text", True, None),
        (turn, "assistant", 1, 0, "hm", "thinking", False, None),
        (turn, "assistant", 1, 1, redacted, "redacted_thinking", False, None),
        (turn, "assistant", 1, 2, use, "tool_use", True, 300.0),
        (turn, "assistant", 1, 3, server, "server_tool_use", True, None),
        (turn, "assistant", 1, 4, later, "a_block_of_tomorrow", True, None),
        (turn, "tool", 2, 0, result, "tool_result", True, 300.0),
        (turn, "user", 2, 1, "t", "text", True, None),
        (turn, "system", 3, 0, "now", "text", True, None),
    ]
    assert (call.operation, call.stream, call.max_tokens) == ("generate", False, 1)
    assert call.prompt.model == "m"


def test_canonical_bytes_know_no_directive_and_no_shorthand() -> None:
    plain = _read({"role": "user", "content": "u é"}, system="s")
    spelled = HOSTED.read(
        b'{"messages":[{"content":[{"type":"text", "text":"u \\u00e9","cache_control":'
        b'{"type":"ephemeral"}}],"role":"user"}],"system":[{"type":"text","text":"s"}],'
        b'"model":"m","max_tokens":1}'
    )
    keys = [s.canonical for s in plain.prompt.segments]
    assert keys == [s.canonical for s in spelled.prompt.segments]
    assert keys == [b'{"type":"text","text":"s"}', '{"type":"text","text":"u é"}'.encode()]
    nested = [{"type": "tool_result", "tool_use_id": "i", "content": [_text("r", **FIVE)], **FIVE}]
    assert _read(_turn(*nested)).prompt.segments[0].canonical == (
        b'{"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"r"}]}'
    )
    large = 2**70
    assert (
        str(large).encode() in _read(tools=[{"name": "n", "x": large}]).prompt.segments[0].canonical
    )


@pytest.mark.parametrize(
    "block",
    [
        _text("t", x=1),
        {"type": "tool_use", "id": "i", "name": "n", "input": {"a": [1.0]}},
        {"type": "tool_use"},
        {"type": "tool_result", "tool_use_id": "i", "content": "r"},
        {"type": "tool_result", "tool_use_id": "i", "content": ""},
    ],
)
def test_a_directive_that_is_null_is_none(block: dict[str, Any]) -> None:
    plain = _read(_turn(block)).prompt.segments
    spelled = _read(_turn({**block, "cache_control": None})).prompt.segments
    assert [replace(s, content=None) for s in plain] == [replace(s, content=None) for s in spelled]
    automatic = _read(_turn(block), **FIVE).prompt.segments
    assert [s.ttl for s in automatic] == [300.0]


def test_an_automatic_marker_walks_back() -> None:
    thinking = {"type": "thinking", "thinking": "x", "signature": "y"}
    call = _read(_turn(_text("a")), _turn(_text("b"), thinking, role="assistant"), **HOUR)
    assert [s.ttl for s in call.prompt.segments] == [None, 3600.0, None]
    assert (call.prompt.controls.automatic, call.prompt.controls.ttl) == (True, 3600.0)
    alone = _read(_turn(thinking, role="assistant"), **FIVE)
    assert alone.prompt.marked == ()
    tools = [{"name": "n"}, {"name": "later", "defer_loading": True}]
    found = _read(_turn(thinking, role="assistant"), tools=tools, **FIVE).prompt
    assert [s.ttl for s in found.segments] == [300.0, None, None]
    assert _read(_turn(_text("a", **FIVE)), **FIVE).prompt.segments[0].ttl == 300.0


MOST = "A maximum of 4 blocks with cache_control may be provided. Found 5."
ORDER = (
    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
    "Note that blocks are processed in the following order: `tools`, `system`, `messages`."
)
FOUR = [_text(letter, **FIVE) for letter in "abcd"]
RESULT = {"type": "tool_result", "tool_use_id": "i"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (_body(_turn(*FOUR), system=[_text("s", **FIVE)]), MOST),
        (_body(_turn(*FOUR), _turn(_text("e")), **FIVE), MOST),
        (_body(_turn(*FOUR[:3], {**RESULT, "content": [_text("r", **FIVE)], **FIVE})), MOST),
        (
            _body(_turn(_text("a")), _turn(_text("b"), _text("c", **HOUR)), tools=[FIVE]),
            f"messages.1.content.1.cache_control.ttl: {ORDER}",
        ),
        (
            _body(_turn(_text("a", **HOUR)), **FIVE),
            "cache_control: the last block, messages.0.content.0, has a cache_control with "
            "another ttl",
        ),
        (
            _body(system=[_text("s", cache_control={"type": "ephemeral", "ttl": "2h"})]),
            "system.0.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
        ),
        (
            _body(_turn(_text("s", cache_control={"type": "ephemeral", "scope": "org"}))),
            "messages.0.content.0.text.cache_control.ephemeral.scope: "
            "Extra inputs are not permitted",
        ),
        (
            _body(_turn({"type": "thinking", "thinking": "x", **FIVE}, role="assistant")),
            "messages.0.content.0.thinking.cache_control: Extra inputs are not permitted",
        ),
        (_body(_turn(_text(""))), "messages: text content blocks must be non-empty"),
        (
            _body(_turn(_text("", **FIVE), role="assistant")),
            "messages.0.content.0: cache_control cannot be set for empty text blocks",
        ),
        (
            _body(_turn({**RESULT, "content": [_text("", **FIVE)]})),
            "messages.0.content.0.content.0: cache_control cannot be set for empty text blocks",
        ),
        (
            _body(tools=[{"name": "n", "defer_loading": True, **FIVE}]),
            "tools.0.cache_control: tools with defer_loading cannot use prompt caching",
        ),
        (_body(system=[{"type": "image"}]), "system.0.type: Input should be 'text'"),
        (_body(_turn({"text": "t"})), "messages.0.content.0.type: Field required"),
        (_body({"role": "user", "content": []}),
         "messages.0: user messages must have non-empty content"),
        (_body({"role": "robot", "content": "u"}),
         "messages.0.role: Input should be 'user', 'assistant' or 'system'"),
        (_body({"role": "user"}), "messages.0.content: Field required"),
        (_body(tools=[1]), "tools.0: Input should be a valid dictionary"),
        (b'{"model":"m","max_tokens":1}', "messages: Field required"),
        (b'{"model":"m","max_tokens":1,"messages":[]}',
         "messages: at least one message is required"),
        (b'{"model":"m","messages":[{"role":"user","content":"u"}]}', "max_tokens: Field required"),
        (b'{"max_tokens":1,"messages":[]}', "model: Field required"),
        (b"[]", "The request body is not valid JSON: expected an object"),
        (
            b'{"a":"\\ud800 and more"}',
            "The request body is not valid JSON: JSON is malformed: unexpected end of escaped "
            "utf-16 surrogate pair (byte 12)",
        ),
    ],
)  # fmt: skip
def test_what_the_api_refuses(body: bytes, message: str) -> None:
    assert _refusal(body) == message


def test_a_body_nested_too_deeply() -> None:
    deep = b'{"model":"m","max_tokens":1,"messages":' + b"[" * 100_000
    assert _refusal(deep) == "The request body is not valid JSON: nested too deeply"
    for depth in range(900, 1_000, 7):
        nested = b"[" * depth + b"]" * depth
        for section in ({"tools": [{"x": 0}]}, {"thinking": {"x": 0}}):
            try:
                HOSTED.read(_body(**section).replace(b'"x": 0', b'"x":' + nested))
            except DialectError:
                continue


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"stream": True}, "stream: true"),
        ({"thinking": {"type": "enabled"}}, "thinking.type: enabled"),
        ({"tool_choice": {"type": "any"}}, "tool_choice.type: any"),
        ({"output_config": {"format": {}}}, "output_config.format"),
    ],
)
def test_a_prewarm_with_what_needs_an_answer(fields: dict[str, Any], problem: str) -> None:
    body = _body(**{"max_tokens": 0, **fields})
    assert _refusal(body) == f"max_tokens: 0 is not supported together with {problem}"
    assert HOSTED.read(_body(max_tokens=0, thinking={"type": "adaptive"})).max_tokens == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (_body(temperature=1.0), "temperature: Extra inputs are not permitted"),
        (_body(top_k=None), "top_k: Extra inputs are not permitted"),
        (
            _body(_turn({"type": "document", "source": {}}, role="assistant")),
            "messages.0.content.0.document: document blocks are not permitted in assistant "
            "messages",
        ),
        (
            _body(_turn(_text("t", citations=[{}]))),
            "messages.0.content.0.text.citations: Extra inputs are not permitted",
        ),
    ],
)
def test_what_the_version_of_october_2026_refuses(body: bytes, message: str) -> None:
    assert _refusal(body, headers=NEW) == message
    HOSTED.read(body, headers=OLD)
    HOSTED.read(body)
    HOSTED.read(_body(_turn(_text("t", citations=[]))), headers=NEW)


def test_the_url_knows_what_the_body_does_not() -> None:
    body = b'{"messages":[{"role":"user","content":"u"}],"anthropic_version":"vertex-2023-10-16"}'
    call = HOSTED.read(body, model="claude-x", operation="count", stream=True)
    assert call.prompt.model == "claude-x"
    assert (call.operation, call.stream, call.max_tokens) == ("count", True, None)


def test_settings_are_what_is_not_at_its_default() -> None:
    image = {"type": "image", "source": {}}
    document = {"type": "document", "source": {}, "citations": {"enabled": True}}
    given = _read(
        _turn({**RESULT, "content": [image]}, document),
        tools=[{"type": "web_search_20250305", "name": "web_search"}],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 1024},
        output_config={"effort": "low", "format": {"type": "json_schema"}},
        speed="fast",
        metadata={"user_id": "u-1"},
        temperature=0.5,
    ).prompt
    assert given.settings == {
        "tool_choice": '{"type":"auto","disable_parallel_tool_use":true}',
        "thinking": '{"type":"enabled","budget_tokens":1024}',
        "output_config.effort": '"low"',
        "output_config.format": '{"type":"json_schema"}',
        "speed": '"fast"',
        "web_search": "true",
        "citations": "true",
        "images": "true",
    }
    assert given.controls.user == "u-1"
    defaults = _read(
        tool_choice={"type": "auto", "disable_parallel_tool_use": False},
        thinking={"type": "disabled"},
        output_config={"effort": "high"},
        speed="standard",
        metadata={},
    ).prompt
    assert defaults.settings == _read().prompt.settings == {}


def test_further_fields_ride_on_the_message() -> None:
    extra = {"diagnostics": {"cache_miss_reason": None}}
    shown = replace(REPLY, extra=extra)
    assert json.loads(HOSTED.render(shown))["diagnostics"] == {"cache_miss_reason": None}
    head = HOSTED.render_stream(shown, ["Hello"], _read())[0]
    data = json.loads(head.split(b"\n")[1].removeprefix(b"data: "))
    assert data["message"]["diagnostics"] == {"cache_miss_reason": None}
