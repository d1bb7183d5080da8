"""A Responses request as a cache sees it, and what is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headstart.dialects import DialectError, OpenAIResponses
from headstart.dialects.hosted import Call, Reply
from headstart.prompt import Controls, Kind
from headstart.usage import Usage

RESPONSES = OpenAIResponses()
MARK = {"mode": "explicit"}
USER = {"role": "user", "content": "Hi"}


def read(given: Any = "Hi", **fields: Any) -> Call:
    body = {"model": "gpt-6", "input": given, **fields}
    return RESPONSES.read(json.dumps(body).encode())


def part(kind: str = "input_text", **more: Any) -> dict[str, Any]:
    return {"type": kind, "text": "t", **more}


def test_instructions_come_before_the_input_and_take_no_directive() -> None:
    call = read(instructions="Be brief", tools=[{"type": "function", "name": "f"}])
    assert [(s.kind, s.role, s.message, s.text) for s in call.prompt.segments] == [
        (Kind.TOOL, "tools", -1, '{"type":"function","name":"f"}'),
        (Kind.SYSTEM, "system", -1, "Be brief"),
        (Kind.MESSAGE, "user", 0, "Hi"),
    ]
    assert [s.markable for s in call.prompt.segments] == [False, False, True]
    assert [s.boundary for s in call.prompt.segments] == [False, False, True]


def test_items() -> None:
    items = [
        {"role": "developer", "content": "d"},
        {"type": "message", "role": "user", "content": [part(), part("input_image")]},
        {"type": "reasoning", "id": "r", "summary": []},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "one"},
        {"type": "custom_tool_call_output", "call_id": "d", "output": [part()]},
        {
            "role": "assistant",
            "content": [part("output_text"), {"type": "refusal", "refusal": "n"}],
        },
        {"type": "additional_tools", "role": "developer", "tools": []},
        {"type": "teleport", "to": "x"},
    ]
    segments = read(items).prompt.segments
    seen = [(s.kind.value, s.role, s.message, s.type, s.markable, s.boundary) for s in segments]
    assert seen == [
        ("system", "system", 0, "text", True, True),
        ("message", "user", 1, "text", True, False),
        ("message", "user", 1, "image", True, True),
        ("message", "assistant", 2, "thinking", False, False),
        ("message", "assistant", 3, "tool_use", False, False),
        ("message", "tool", 4, "tool_result", False, False),
        ("message", "tool", 5, "tool_result", False, True),
        ("message", "assistant", 6, "text", False, False),
        ("message", "assistant", 6, "refusal", False, False),
        ("message", "system", 7, "tool", False, False),
        ("message", "assistant", 8, "teleport", False, False),
    ]
    assert segments[4].text == '{"name":"f","arguments":"{}"}'
    assert segments[5].text == "one"


def test_a_string_is_keyed_as_the_one_part_it_stands_for() -> None:
    (bare,) = read("t").prompt.segments
    (text,) = read([{"role": "user", "content": "t"}]).prompt.segments
    (whole,) = read([{"role": "user", "content": [part()]}]).prompt.segments
    assert bare.canonical == text.canonical == whole.canonical


def test_ttls_are_inherited_and_a_result_has_none() -> None:
    def ttl(**fields: Any) -> float | None:
        marked = part(prompt_cache_breakpoint=MARK)
        return read([{"role": "user", "content": [marked]}], **fields).prompt.segments[0].ttl

    assert ttl() == 1800
    assert ttl(prompt_cache_options={"ttl": "12h"}) == 43200
    output = {"type": "function_call_output", "call_id": "c", "output": [part()]}
    marked = {**output, "output": [part(prompt_cache_breakpoint=MARK)]}
    (plain,), (result,) = read([output]).prompt.segments, read([marked]).prompt.segments
    assert result.ttl is None
    assert result.canonical == plain.canonical


def test_controls_and_settings() -> None:
    options = {"mode": "explicit", "ttl": "12h", "prewarm": True, "comparison_response_id": "r"}
    call = read(
        prompt_cache_options=options,
        prompt_cache_key="k",
        text={"format": {"type": "json_object"}, "verbosity": "low"},
        reasoning={"effort": "high"},
        context_management=[{"type": "compaction"}],
        max_output_tokens=50,
        stream=True,
    )
    assert call.prompt.controls == Controls(mode="explicit", ttl=43200, key="k")
    assert call.prompt.settings == {
        "text.format": '{"type":"json_object"}',
        "text.verbosity": '"low"',
        "reasoning.effort": '"high"',
        "context_management": '[{"type":"compaction"}]',
    }
    assert (call.max_tokens, call.stream, call.include_usage) == (0, True, True)


@pytest.mark.parametrize(
    ("fields", "continued"),
    [
        ({"previous_response_id": "resp_1"}, "resp_1"),
        ({"conversation": "conv_1"}, "conv_1"),
        ({"conversation": {"id": "conv_2"}}, "conv_2"),
        ({"prompt": {"id": "pmpt_1"}}, "pmpt_1"),
        ({"input": [USER, {"type": "item_reference", "id": "msg_1"}]}, "msg_1"),
        ({}, None),
    ],
)
def test_content_that_the_request_does_not_carry_is_told(
    fields: dict[str, Any], continued: str | None
) -> None:
    assert read(**{"given": fields.pop("input", "Hi"), **fields}).prompt.controls.continues == (
        continued
    )


def test_input_may_be_missing_only_where_something_is_continued() -> None:
    body = {"model": "m", "previous_response_id": "resp_1"}
    assert RESPONSES.read(json.dumps(body).encode()).prompt.segments == ()
    with pytest.raises(DialectError) as caught:
        RESPONSES.read(b'{"model":"m"}')
    assert (caught.value.param, caught.value.code) == ("input", "missing_required_parameter")


def test_a_count_needs_no_model() -> None:
    assert RESPONSES.read(b'{"input":"Hi"}', operation="count").operation == "count"
    counted = json.loads(RESPONSES.render_count(Usage(fresh=3, read=4)))
    assert counted == {"object": "response.input_tokens", "input_tokens": 7}


USAGE = Usage(fresh=7, read=1800, write_30m=200, write_12h=48, output=5)
REPLY = Reply("Hello you", "stop", USAGE, "gpt-6", "resp_1", 17)


@pytest.mark.parametrize("stop", ["stop", "length"])
def test_a_whole_answer_and_its_usage(stop: Any) -> None:
    reply = Reply("x", stop, USAGE, "gpt-6", "resp_1", 17, extra={"prompt_cache_key": "k"})
    body = RESPONSES.render(reply)
    shown = json.loads(body)
    assert shown["status"] == ("completed" if stop == "stop" else "incomplete")
    assert shown["prompt_cache_key"] == "k"
    assert shown["usage"]["input_tokens_details"] == {
        "cached_tokens": 1800,
        "cache_write_tokens": 248,
        "cache_write_tokens_details": {"ttl_30m_tokens": 200, "ttl_12h_tokens": 48},
    }
    assert RESPONSES.usage(body) == USAGE


def test_the_events_of_a_stream() -> None:
    frames = RESPONSES.render_stream(REPLY, ["Hello", " you"], read(stream=True))
    names = [frame.split(b"\n")[0].removeprefix(b"event: response.").decode() for frame in frames]
    assert names == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    events = [json.loads(frame.partition(b"data: ")[2]) for frame in frames]
    assert [event["sequence_number"] for event in events] == list(range(10))
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["usage"] is None
    reader = RESPONSES.usage_reader()
    reader.feed(b"".join(frames[:-1]))
    assert reader.usage is None
    reader.feed(frames[-1])
    assert reader.usage == USAGE


def test_a_prewarm_has_no_output() -> None:
    reply = Reply("", "stop", Usage(write_12h=9), "gpt-6", "resp_1", 17)
    assert json.loads(RESPONSES.render(reply))["output"] == []
    assert len(RESPONSES.render_stream(reply, [], read(stream=True))) == 3
