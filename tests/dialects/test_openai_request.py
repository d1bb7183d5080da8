from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headstart.dialects import DialectError, OpenAIDialect, Request
from headstart.prompt import Kind

DIALECT = OpenAIDialect()
USER = {"role": "user", "content": "Hi"}
FUNCTION = {"name": "look", "parameters": {"type": "object"}, "strict": True}


def _parse(*messages: dict[str, Any], **fields: Any) -> Request:
    body = {"model": "m", "messages": list(messages) or [USER], **fields}
    return DIALECT.parse(msgspec.json.encode(body))


def _refusal(*messages: dict[str, Any], **fields: Any) -> DialectError:
    with pytest.raises(DialectError) as caught:
        _parse(*messages, **fields)
    assert caught.value.status == 400
    assert caught.value.kind == "invalid_request_error"
    return caught.value


def test_the_least_a_request_can_say() -> None:
    request = _parse()
    assert request.chat_messages == ({"role": "user", "parts": ("Hi",)},)
    assert (request.max_tokens, request.temperature, request.top_p) == (None, 1.0, 1.0)
    assert (request.top_k, request.seed, request.stop) == (0, None, ())
    assert (request.stream, request.include_usage, request.cache_salt) == (False, False, None)


def test_every_setting_is_read() -> None:
    request = _parse(
        max_tokens=5,
        max_completion_tokens=6,
        temperature=1.5,
        top_p=0.5,
        top_k=3,
        seed=-9,
        stop="END",
        stream=True,
        stream_options={"include_usage": True},
        cache_salt="s",
    )
    assert (request.max_tokens, request.temperature, request.top_p) == (6, 1.5, 0.5)
    assert (request.top_k, request.seed, request.stop) == (3, -9, ("END",))
    assert (request.stream, request.include_usage, request.cache_salt) == (True, True, "s")
    assert _parse(max_tokens=5, stop=["a", "b"]).stop == ("a", "b")
    assert _parse(max_tokens=5).max_tokens == 5


def test_what_asks_for_nothing_special_passes() -> None:
    request = _parse(
        n=1,
        logprobs=False,
        top_logprobs=0,
        logit_bias={},
        frequency_penalty=0,
        presence_penalty=None,
        response_format={"type": "text"},
        modalities=["text"],
        tool_choice={"type": "function", "function": {"name": "look"}},
        prompt_cache_key="k",
        prompt_cache_retention="24h",
        stop=None,
        user="u",
        reasoning_effort="low",
        some_field_of_tomorrow={"a": [1]},
    )
    assert request.stop == ()


def test_developer_is_system_and_parts_stay_apart() -> None:
    parts = [{"type": "text", "text": "Hi "}, {"type": "text", "text": "there"}]
    request = _parse(
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": parts, "name": "Al"},
    )
    assert request.chat_messages == (
        {"role": "system", "parts": ("Be kind.",)},
        {"role": "user", "parts": ("Hi ", "there"), "name": "Al"},
    )
    assert [(s.kind, s.role, s.message, s.part, s.text) for s in request.prompt.segments] == [
        (Kind.SYSTEM, "system", 0, 0, "Be kind."),
        (Kind.MESSAGE, "user", 1, 0, "Hi "),
        (Kind.MESSAGE, "user", 1, 1, "there"),
    ]


@pytest.mark.parametrize(
    ("spelled", "arguments"),
    [
        ('{"at": "sky"}', {"at": "sky"}),
        ("", ""),
        ("not JSON", "not JSON"),
        ("[1]", "[1]"),
        (r'{"a": "\ud800 and more text"}', r'{"a": "\ud800 and more text"}'),
        ("[" * 9_000, "[" * 9_000),
    ],
)
def test_a_tool_round_trip(spelled: str, arguments: Any) -> None:
    function = {"name": "look", "arguments": spelled}
    call = {"id": "c1", "type": "function", "function": function}
    request = _parse(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "blue"},
        tools=[{"type": "function", "function": FUNCTION}],
    )
    assert request.tools == ({"type": "function", "function": FUNCTION},)
    called = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": arguments}}
    assert request.chat_messages[1:] == (
        {"role": "assistant", "parts": (), "tool_calls": [called]},
        {"role": "tool", "parts": ("blue",), "tool_call_id": "c1"},
    )


def test_refusals_of_earlier_turns_are_text() -> None:
    turn = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert _parse(USER, turn, USER).chat_messages[1]["parts"] == ("No.",)


def _part(ttl: str | None = None) -> dict[str, Any]:
    marker = {"mode": "explicit"} if ttl is None else {"mode": "explicit", "ttl": ttl}
    return {"type": "text", "text": "t", "prompt_cache_breakpoint": marker}


def test_explicit_breakpoints_are_marks() -> None:
    request = _parse(
        {"role": "system", "content": [_part("12h")]},
        {"role": "user", "content": [{"type": "text", "text": "a"}, _part()]},
    )
    assert request.marks == ((0, 0, 43200.0), (1, 1, 1800.0))
    assert request.prompt.marked == (request.prompt.segments[0], request.prompt.segments[2])
    inherited = _parse({"role": "user", "content": [_part()]}, prompt_cache_options={"ttl": "12h"})
    assert inherited.marks == ((0, 0, 43200.0),)


@pytest.mark.parametrize(("mode", "kept"), [("implicit", 3), ("explicit", 4)])
def test_only_the_latest_breakpoints_count(mode: str, kept: int) -> None:
    message = {"role": "user", "content": [_part() for _ in range(6)]}
    request = _parse(message, prompt_cache_options={"mode": mode})
    assert [part for _, part, _ in request.marks] == list(range(6 - kept, 6))
    assert len(request.prompt.marked) == 6  # the directives stand there all the same


_BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"model": None}, "model", "invalid_type"),
    ({"messages": []}, "messages", "invalid_value"),
    ({"messages": {}}, "messages", "invalid_type"),
    ({"messages": [3]}, "messages[0]", "invalid_type"),
    ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
    ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "invalid_type"),
    ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "invalid_value"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id",
     "missing_required_parameter"),
    ({"max_tokens": 0}, "max_tokens", "invalid_value"),
    ({"max_completion_tokens": "1"}, "max_completion_tokens", "invalid_type"),
    ({"temperature": 2.1}, "temperature", "invalid_value"),
    ({"seed": "x"}, "seed", "invalid_type"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "invalid_value"),
    ({"stop": ""}, "stop", "invalid_value"),
    ({"stop": [1]}, "stop[0]", "invalid_type"),
    ({"stop": 1}, "stop", "invalid_type"),
    ({"stream": 1}, "stream", "invalid_type"),
    ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
    ({"n": 2}, "n", "unsupported_parameter"),
    ({"logprobs": True}, "logprobs", "unsupported_parameter"),
    ({"top_logprobs": 3}, "top_logprobs", "unsupported_parameter"),
    ({"logit_bias": {"1": 2}}, "logit_bias", "unsupported_parameter"),
    ({"presence_penalty": 0.5}, "presence_penalty", "unsupported_parameter"),
    ({"response_format": {"type": "json_schema"}}, "response_format.type", "unsupported_parameter"),
    ({"response_format": {"type": "json_object"}}, "response_format.type", "unsupported_parameter"),
    ({"modalities": ["text", "audio"]}, "modalities", "unsupported_parameter"),
    ({"functions": [{"name": "x"}]}, "functions", "unsupported_parameter"),
    ({"tools": [{"type": "custom"}]}, "tools[0].type", "invalid_value"),
    ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name",
     "missing_required_parameter"),
    ({"tool_choice": "maybe"}, "tool_choice", "invalid_value"),
    ({"tool_choice": 3}, "tool_choice", "invalid_type"),
    ({"prompt_cache_key": 3}, "prompt_cache_key", "invalid_type"),
    ({"prompt_cache_options": {"mode": "never"}}, "prompt_cache_options.mode", "invalid_value"),
    ({"prompt_cache_options": {"ttl": "1h"}}, "prompt_cache_options.ttl", "invalid_value"),
    ({"cache_salt": "s" * 1025}, "cache_salt", "invalid_value"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "param", "code"), _BAD)
def test_bad_fields_are_named(fields: dict[str, Any], param: str, code: str) -> None:
    err = _refusal(**fields)
    assert (err.param, err.code) == (param, code)
    assert f"'{param}'" in err.message


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file", "input_text", "refusal"])
def test_unsupported_parts_are_named_with_their_path(kind: str) -> None:
    parts = [{"type": "text", "text": "See"}, {"type": kind}]
    err = _refusal(USER, {"role": "user", "content": parts})
    assert err.param == "messages[1].content[1].type"
    assert f"'{kind}'" in err.message


def test_a_bad_breakpoint_is_located() -> None:
    for marker, key in (({"mode": "explicit", "ttl": "1h"}, "ttl"), ({"mode": "x"}, "mode")):
        part = {"type": "text", "text": "t", "prompt_cache_breakpoint": marker}
        err = _refusal({"role": "user", "content": [part]})
        assert err.param == f"messages[0].content[0].prompt_cache_breakpoint.{key}"


@pytest.mark.parametrize("body", [b"", b"null", b"{", rb'{"model": "\udc00 and more"}'])
def test_malformed_bodies_are_invalid_requests(body: bytes) -> None:
    with pytest.raises(DialectError, match="could not parse the JSON body") as caught:
        DIALECT.parse(body)
    assert caught.value.status == 400
