from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.dialects import BedrockConverse, DialectError
from headstart.dialects.bedrock.eventstream import exception
from headstart.dialects.hosted import Call, Reply
from headstart.prompt import Kind
from headstart.usage import Usage

HOSTED = BedrockConverse()
MODEL = "anthropic.claude-opus-5-v1:0"
FIVE: dict[str, Any] = {"cachePoint": {"type": "default"}}
HOUR: dict[str, Any] = {"cachePoint": {"type": "default", "ttl": "1h"}}
REPLY = Reply("Hello", "stop", Usage(1, 2, 3, 4, 0, 5), MODEL, "id", 0)
REASONING = {"reasoningContent": {"reasoningText": {"text": "hm"}}}


def _turn(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def _body(*messages: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"messages": list(messages) or [_turn({"text": "u"})], **fields}).encode()


def _read(*messages: dict[str, Any], **fields: Any) -> Call:
    return HOSTED.read(_body(*messages, **fields), model=MODEL)


def _refusal(body: bytes) -> str:
    with pytest.raises(DialectError) as caught:
        HOSTED.read(body, model=MODEL)
    assert HOSTED.error(caught.value, "r")[1]["x-amzn-errortype"] == "ValidationException"
    return caught.value.message


def test_a_cache_point_marks_the_segment_before_it() -> None:
    call = _read(
        _turn({"text": "a"}, {"image": {}}, FIVE, {"text": "b"}),
        _turn(REASONING, {"toolUse": {"toolUseId": "i", "name": "n", "input": {"b": 1, "a": 2}}},
              role="assistant"),
        _turn({"toolResult": {"toolUseId": "i", "content": [{"text": "r"}, {"json": {}}]}}, FIVE),
        toolConfig={"tools": [{"toolSpec": {"name": "n"}}, HOUR]},
        system=[{"text": "s"}, HOUR],
        inferenceConfig={"maxTokens": 7},
    )  # fmt: skip
    found = [
        (s.kind, s.role, s.message, s.part, s.text, s.type, s.markable, s.ttl)
        for s in call.prompt.segments
    ]
    turn = Kind.MESSAGE
    assert found == [
        (Kind.TOOL, "tools", -1, 0, '{"toolSpec":{"name":"n"}}', "tool", True, 3600.0),
        (Kind.SYSTEM, "system", -1, 0, "s", "text", True, 3600.0),
        (turn, "user", 0, 0, "a", "text", True, None),
        (turn, "user", 0, 1, '{"image":{}}', "image", True, 300.0),
        (turn, "user", 0, 2, "b", "text", True, None),
        (turn, "assistant", 1, 0, json.dumps(REASONING, separators=(",", ":")), "thinking", False,
         None),
        (turn, "assistant", 1, 1, '{"name":"n","input":{"b":1,"a":2}}', "tool_use", True, None),
        (turn, "tool", 2, 0, 'r{"json":{}}', "tool_result", True, 300.0),
    ]  # fmt: skip
    assert (call.max_tokens, call.stream, call.prompt.model) == (7, False, MODEL)
    assert HOSTED.read(_body(), model=MODEL, stream=True).stream


MODELS = "The model returned the following errors: "


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            _body(_turn(*[{"text": "a"}, FIVE] * 4), system=[{"text": "s"}, FIVE]),
            f"{MODELS}A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
        (
            _body(_turn({"text": "a"}, HOUR), system=[{"text": "s"}, FIVE]),
            f"{MODELS}messages.0.content.1.cache_control.ttl: a ttl='1h' cache_control block must "
            "not come after a ttl='5m' cache_control block. Note that blocks are processed in the "
            "following order: `tools`, `system`, `messages`.",
        ),
        (
            _body(_turn({"text": "a"}, {"cachePoint": {"type": "default", "ttl": "2h"}})),
            "The value at messages.0.content.1.cachePoint.ttl is invalid: "
            "Member must satisfy enum value set: [5m, 1h]",
        ),
        (
            _body(_turn({"text": "a"}, {"cachePoint": {}})),
            "The value at messages.0.content.1.cachePoint.type is invalid: "
            "Member must satisfy enum value set: [default]",
        ),
        (
            _body(_turn({"text": "a"}), _turn(REASONING, FIVE, role="assistant")),
            "Cache point cannot be inserted after reasoning block. "
            "Please remove the invalid cache point and try again.",
        ),
        (
            _body(_turn({"toolResult": {"toolUseId": "i", "content": [FIVE]}})),
            "The value at messages.0.content.0.toolResult.content.0 is invalid: "
            "cachePoint is not supported in the content of a tool result",
        ),
        (
            _body(system=[FIVE]),
            "The value at system.0 is invalid: there is nothing before the cache point",
        ),
        (
            _body(_turn({"text": "a", **FIVE})),
            "The value at messages.0.content.0 is invalid: only one member of a union can be set",
        ),
        (
            _body(_turn({})),
            "The value at messages.0.content.0 is invalid: no member of the union is set",
        ),
        (
            _body(_turn({"text": ""})),
            "The text field in the ContentBlock object at messages.0.content.0 is blank. "
            "Add text to the text field, and try again.",
        ),
        (
            b"{}",
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message.",
        ),
        (b'{"messages":1}', "The value at messages is invalid: Input should be a valid list"),
        (b"[", "The request body is not valid JSON: Input data was truncated"),
    ],
)
def test_what_the_service_refuses(body: bytes, message: str) -> None:
    assert _refusal(body) == message


def test_settings_have_the_names_of_the_messages_api() -> None:
    document = {"document": {"name": "d", "source": {}, "citations": {"enabled": True}}}
    prompt = _read(
        _turn({"toolResult": {"toolUseId": "i", "content": [{"image": {}}]}}, document),
        toolConfig={"tools": [{"toolSpec": {}}], "toolChoice": {"tool": {"name": "n"}}},
        additionalModelRequestFields={"thinking": {"type": "adaptive"}, "top_k": 3},
        outputConfig={"effort": "low", "textFormat": {"type": "json_schema"}},
    ).prompt
    assert prompt.settings == {
        "tool_choice": '{"type":"tool","name":"n"}',
        "thinking": '{"type":"adaptive"}',
        "output_config.effort": '"low"',
        "output_config.format": '{"type":"json_schema"}',
        "citations": "true",
        "images": "true",
    }
    tools = {"tools": [{"toolSpec": {}}], "toolChoice": {"auto": {}}}
    assert _read(toolConfig=tools, outputConfig={"effort": "high"}).prompt.settings == {}


def test_a_count_wraps_its_conversation() -> None:
    wrapped = b'{"input":{"converse":' + _body(system=[{"text": "s"}]) + b"}}"
    call = HOSTED.read(wrapped, model=MODEL, operation="count")
    assert [s.text for s in call.prompt.segments] == ["s", "u"]
    assert HOSTED.render_count(Usage(fresh=1, read=2, output=9)) == b'{"inputTokens":3}'


_count = st.integers(0, 2**40)


@given(st.builds(Usage, fresh=_count, read=_count, write_5m=_count, write_1h=_count, output=_count),
       st.lists(st.integers(0, 900)))  # fmt: skip
def test_usage_whole_and_in_any_cut(usage: Usage, cuts: list[int]) -> None:
    reply = replace(REPLY, usage=usage)
    assert HOSTED.usage(HOSTED.render(reply)) == usage
    sent = b"".join(HOSTED.render_stream(reply, ["He", "", "llo"], _read()))
    reader = HOSTED.usage_reader()
    at = 0
    for cut in [*sorted(cuts), len(sent)]:
        reader.feed(sent[at:cut])
        at = max(at, cut)
    assert reader.usage == usage
    reader.feed(exception("throttlingException", "slow down") + b"junk")
    assert reader.usage == usage


def test_details_of_writes_longest_first_and_only_of_writes() -> None:
    shown = json.loads(HOSTED.render(REPLY))["usage"]
    assert shown == {
        "inputTokens": 1,
        "outputTokens": 5,
        "totalTokens": 15,
        "cacheReadInputTokens": 2,
        "cacheWriteInputTokens": 7,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 3}],
    }
    bare = json.loads(HOSTED.render(replace(REPLY, usage=Usage(fresh=1))))["usage"]
    assert bare["cacheDetails"] == []


@pytest.mark.parametrize(
    ("usage", "buckets"),
    [
        ({"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, Usage(fresh=1, output=2)),
        ({"inputTokens": 1, "cacheWriteInputTokens": 5}, Usage(fresh=1, write_5m=5)),
        (
            {"inputTokens": 1, "cacheDetails": [{"ttl": "1h", "inputTokens": 5}]},
            Usage(fresh=1, write_1h=5),
        ),
        ({"inputTokens": -1}, None),
        ({"inputTokens": "1"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_usage_that_is_partial_or_none(usage: object, buckets: Usage | None) -> None:
    assert HOSTED.usage(json.dumps({"usage": usage}).encode()) == buckets
