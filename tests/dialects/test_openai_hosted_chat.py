"""A hosted Chat Completions request as a cache sees it, and what is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headstart.dialects import DialectError, OpenAIChat
from headstart.dialects.hosted import Call, Reply
from headstart.dialects.openai import check_cache_fields
from headstart.prompt import Controls, Kind
from headstart.usage import Usage

CHAT = OpenAIChat()
MARK = {"mode": "explicit"}
USER = {"role": "user", "content": "Hi"}


def read(messages: list[Any] | None = None, **fields: Any) -> Call:
    body = {"model": "gpt-6", "messages": [USER] if messages is None else messages, **fields}
    return CHAT.read(json.dumps(body).encode())


def refused(messages: list[Any] | None = None, **fields: Any) -> DialectError:
    with pytest.raises(DialectError) as caught:
        read(messages, **fields)
    assert caught.value.status == 400
    return caught.value


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def test_the_order_is_tools_system_messages() -> None:
    function = {"name": "f", "parameters": {"type": "object"}}
    call = read(
        [
            {"role": "developer", "content": "d"},
            {"role": "system", "content": [text("s")]},
            USER,
            {"role": "system", "content": "later"},
        ],
        tools=[{"type": "function", "function": function}, {"type": "custom", "custom": {}}],
        functions=[{"name": "g"}],
    )
    seen = [(s.kind, s.role, s.message, s.part, s.type) for s in call.prompt.segments]
    assert seen == [
        (Kind.TOOL, "tools", -1, 0, "tool"),
        (Kind.TOOL, "tools", -1, 1, "tool"),
        (Kind.TOOL, "tools", -1, 2, "tool"),
        (Kind.SYSTEM, "system", 0, 0, "text"),
        (Kind.SYSTEM, "system", 1, 0, "text"),
        (Kind.MESSAGE, "user", 2, 0, "text"),
        (Kind.MESSAGE, "system", 3, 0, "text"),
    ]
    assert call.prompt.segments[0].text == json.dumps(
        {"type": "function", "function": function}, separators=(",", ":")
    )
    assert [s.markable for s in call.prompt.segments] == [False] * 3 + [True] * 4


def test_every_type_of_part() -> None:
    parts = [
        text("a"),
        {"type": "image_url", "image_url": {"url": "https://x"}},
        {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "hologram", "hologram": 1},
    ]
    segments = read([{"role": "user", "content": parts}]).prompt.segments
    types = [(s.type, s.markable, s.part) for s in segments]
    assert types == [
        ("text", True, 0),
        ("image", True, 1),
        ("audio", True, 2),
        ("document", True, 3),
        ("hologram", False, 4),
    ]
    assert segments[0].text == "a"
    assert segments[4].text == '{"type":"hologram","hologram":1}'


def test_what_an_assistant_said_and_called() -> None:
    function = {"name": "f", "arguments": '{"a": 1}'}
    assistant = {
        "role": "assistant",
        "content": None,
        "reasoning_content": "because",
        "refusal": "no",
        "audio": {"id": "a"},
        "function_call": function,
        "tool_calls": [
            {"id": "1", "type": "function", "function": function},
            {"id": "2", "type": "custom", "custom": {"name": "c", "input": "i"}},
        ],
    }
    parts = [{"role": "assistant", "content": [text("x"), {"type": "refusal", "refusal": "y"}]}]
    segments = read([USER, assistant, *parts]).prompt.segments[1:]
    assert [(s.type, s.message, s.part) for s in segments] == [
        ("thinking", 1, 0),
        ("refusal", 1, 1),
        ("audio", 1, 2),
        ("tool_use", 1, 3),
        ("tool_use", 1, 4),
        ("tool_use", 1, 5),
        ("text", 2, 0),
        ("refusal", 2, 1),
    ]
    assert [s.markable for s in segments] == [False] * 6 + [True, False]
    assert segments[0].text == "because"
    assert segments[4].text == json.dumps(function, separators=(",", ":"))


def test_a_string_is_keyed_as_the_one_part_it_stands_for() -> None:
    (bare,) = read().prompt.segments
    (part,) = read([{"role": "user", "content": [text("Hi")]}]).prompt.segments
    assert bare.canonical == part.canonical == b'{"type":"text","text":"Hi"}'
    assert (bare.content, part.content) == ("Hi", text("Hi"))


def test_a_name_and_a_call_id_are_part_of_the_key_and_directives_are_not() -> None:
    plain, named, marked = (
        read([{"role": "user", "content": [text("Hi", **part)], **message}]).prompt.segments[0]
        for part, message in [
            ({}, {}),
            ({}, {"name": "Ann"}),
            ({"prompt_cache_breakpoint": MARK}, {}),
        ]
    )
    assert plain.canonical == marked.canonical != named.canonical
    one, two = (
        read([{"role": "tool", "tool_call_id": i, "content": "r"}]).prompt.segments[0] for i in "12"
    )
    assert one.type == "tool_result"
    assert one.canonical != two.canonical


def test_ttls_come_from_the_part_then_the_request_then_the_default() -> None:
    def ttl(part: dict[str, Any], **fields: Any) -> float | None:
        message = {"role": "user", "content": [text("Hi", prompt_cache_breakpoint=part)]}
        return read([message], **fields).prompt.segments[0].ttl

    assert ttl(MARK) == 1800
    assert ttl({**MARK, "ttl": "12h"}) == 43200
    assert ttl({**MARK, "ttl": "12h"}, prompt_cache_options={"ttl": "30m"}) == 43200
    assert ttl(MARK, prompt_cache_options={"mode": "explicit"}) == 1800
    assert read().prompt.segments[0].ttl is None
    assert read([{"role": "user", "content": [text("", prompt_cache_breakpoint=MARK)]}]).prompt


def test_boundaries() -> None:
    result = {"role": "tool", "tool_call_id": "1", "content": [text("r"), text("s")]}
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}
    calls = {"role": "assistant", "tool_calls": [call]}
    developer = {"role": "developer", "content": "d"}
    messages = [developer, {"role": "system", "content": "s"}, USER, USER, calls, result, result]
    messages += [calls, result, developer, {"role": "assistant", "content": "x"}, USER]
    segments = read(messages).prompt.segments
    found = [(s.role, s.message, s.part) for s in segments if s.boundary]
    assert found == [
        ("system", 1, 0),
        ("user", 2, 0),
        ("user", 3, 0),
        ("tool", 6, 1),
        ("tool", 8, 1),
        ("user", 11, 0),
    ]


def test_controls() -> None:
    call = read(
        prompt_cache_key="k",
        prompt_cache_options={"mode": "explicit", "ttl": "30m"},
        prompt_cache_retention="24h",
        cache_salt="not OpenAI's",
    )
    assert call.prompt.controls == Controls(mode="explicit", ttl=1800, key="k", retention="24h")
    assert read().prompt.controls == Controls()


def test_settings_are_named_like_their_fields_and_defaults_left_out() -> None:
    settings = read(
        tool_choice={"type": "function", "function": {"name": "f"}},
        parallel_tool_calls=False,
        response_format={"type": "json_object"},
        reasoning_effort="low",
        verbosity="high",
        service_tier="flex",
        temperature=0.3,
    ).prompt.settings
    assert settings == {
        "tool_choice": '{"type":"function","function":{"name":"f"}}',
        "parallel_tool_calls": "false",
        "response_format": '{"type":"json_object"}',
        "reasoning_effort": '"low"',
        "verbosity": '"high"',
        "service_tier": '"flex"',
    }
    defaults = {"tool_choice": "auto", "parallel_tool_calls": True, "service_tier": None}
    assert read(**defaults).prompt.settings == {}


def test_what_else_a_call_says() -> None:
    call = read(stream=True, stream_options={"include_usage": True}, max_tokens=5, odd=[1])
    assert (call.stream, call.include_usage, call.max_tokens, call.operation) == (
        True, True, 5, "generate",
    )  # fmt: skip
    assert call.body["odd"] == [1]
    assert read(max_tokens=5, max_completion_tokens=7).max_tokens == 7
    assert not read().include_usage
    body = json.dumps({"messages": [USER]}).encode()
    assert CHAT.read(body, model="deployment", stream=True).prompt.model == "deployment"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"model": None}, "model", "invalid_type"),
        ({"model": ""}, "model", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [1]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
            "missing_required_parameter",
        ),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ({"prompt_cache_options": 1}, "prompt_cache_options", "invalid_type"),
        ({"prompt_cache_options": {"mode": "x"}}, "prompt_cache_options.mode", "invalid_value"),
        ({"prompt_cache_options": {"ttl": "12h"}}, "prompt_cache_options.ttl", "invalid_value"),
        (
            {"prompt_cache_options": {"prewarm": True}},
            "prompt_cache_options.prewarm",
            "unknown_parameter",
        ),
        ({"prompt_cache_retention": "1h"}, "prompt_cache_retention", "invalid_value"),
        ({"prompt_cache_key": 1}, "prompt_cache_key", "invalid_type"),
    ],
)
def test_what_is_refused_is_named(fields: dict[str, Any], param: str, code: str) -> None:
    body = {"model": "m", "messages": [USER], **fields}
    with pytest.raises(DialectError) as caught:
        CHAT.read(json.dumps(body).encode())
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, code)


@pytest.mark.parametrize(
    ("mark", "field"),
    [({}, "mode"), ({"mode": "implicit"}, "mode"), ({**MARK, "ttl": "5m"}, "ttl")],
)
def test_a_breakpoint_has_to_be_one(mark: dict[str, Any], field: str) -> None:
    part = text("Hi", prompt_cache_breakpoint=mark)
    err = refused([{"role": "user", "content": [part]}])
    assert err.param == f"messages[0].content[0].prompt_cache_breakpoint.{field}"


def test_fields_that_older_models_do_not_take() -> None:
    marked = [{"role": "user", "content": [text("Hi", prompt_cache_breakpoint=MARK)]}]
    for call, param in [
        (read(prompt_cache_options={"mode": "implicit"}), "prompt_cache_options"),
        (read(marked), "prompt_cache_breakpoint"),
    ]:
        check_cache_fields(call, breakpoints=True)
        with pytest.raises(DialectError) as caught:
            check_cache_fields(call, breakpoints=False)
        assert (caught.value.param, caught.value.code) == (param, "invalid_parameter")
    kept = read(prompt_cache_retention="in_memory")
    check_cache_fields(kept, breakpoints=False, retentions=("in_memory", "24h"))
    with pytest.raises(DialectError, match="prompt_cache_retention is not supported on this"):
        check_cache_fields(kept, breakpoints=True, retentions=("24h",))


REPLY = Reply(
    "Hello you", "length", Usage(fresh=7, read=1800, write_30m=248, output=5), "gpt-6", "id_1", 17
)


def test_a_whole_answer_and_its_usage() -> None:
    body = CHAT.render(REPLY)
    shown = json.loads(body)
    assert (shown["object"], shown["created"]) == ("chat.completion", 17)
    assert shown["choices"][0]["message"]["content"] == "Hello you"
    assert shown["choices"][0]["finish_reason"] == "length"
    assert shown["usage"]["prompt_tokens"] == 2055
    assert CHAT.usage(body) == REPLY.usage


def test_a_streamed_answer_has_usage_only_if_asked() -> None:
    asked = read(stream=True, stream_options={"include_usage": True})
    frames = CHAT.render_stream(REPLY, ["Hello", "", " you"], asked)
    chunks = [json.loads(frame.removeprefix(b"data: ")) for frame in frames[:-1]]
    assert frames[-1] == b"data: [DONE]\n\n"
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [c["choices"][0]["delta"].get("content") for c in chunks[1:3]] == ["Hello", " you"]
    assert chunks[3]["choices"][0]["finish_reason"] == "length"
    assert chunks[4]["choices"] == []
    assert all(chunk["usage"] is None for chunk in chunks[:4])
    reader = CHAT.usage_reader()
    for frame in frames:
        reader.feed(frame)
    assert reader.usage == REPLY.usage

    unasked = CHAT.render_stream(REPLY, ["Hello you"], read(stream=True))
    reader = CHAT.usage_reader()
    reader.feed(b"".join(unasked))
    assert reader.usage is None
    assert b"usage" not in b"".join(unasked)


def test_there_is_no_count() -> None:
    with pytest.raises(DialectError, match="no endpoint"):
        CHAT.render_count(Usage(fresh=1))
