from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headstart.dialects import AnthropicDialect, DialectError, Request
from headstart.prompt import Kind

DIALECT = AnthropicDialect()
USER = {"role": "user", "content": "Hi"}
TOOL = {"name": "look", "description": "Looks", "input_schema": {"type": "object"}}


def _parse(*messages: dict[str, Any], **fields: Any) -> Request:
    body = {"model": "m", "max_tokens": 16, "messages": list(messages) or [USER], **fields}
    return DIALECT.parse(msgspec.json.encode(body))


def _refusal(*messages: dict[str, Any], **fields: Any) -> str:
    with pytest.raises(DialectError) as caught:
        _parse(*messages, **fields)
    assert caught.value.status == 400
    assert caught.value.kind == "invalid_request_error"
    return caught.value.message


def _user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def test_the_least_a_request_can_say() -> None:
    request = _parse()
    assert request.prompt.model == "m"
    assert request.chat_messages == ({"role": "user", "parts": ("Hi",)},)
    assert (request.max_tokens, request.temperature, request.top_p) == (16, 1.0, 1.0)
    assert (request.top_k, request.seed, request.stop) == (0, None, ())
    assert not request.stream
    assert request.include_usage
    assert request.cache_salt is None
    assert request.marks == ()
    assert request.tools == ()


def test_every_setting_is_read() -> None:
    request = _parse(
        temperature=0,
        top_p=0.5,
        top_k=7,
        stop_sequences=["\n", "END"],
        stream=True,
        cache_salt="s",
        metadata={"user_id": "u"},
        thinking={"type": "enabled", "budget_tokens": 1024},
        tool_choice={"type": "any"},
        some_field_of_tomorrow=[{"anything": None}],
    )
    assert (request.temperature, request.top_p, request.top_k) == (0.0, 0.5, 7)
    assert request.stop == ("\n", "END")
    assert request.stream
    assert request.cache_salt == "s"


def test_system_leads_as_a_message_whether_string_or_blocks() -> None:
    blocks = [{"type": "text", "text": "Be"}, {"type": "text", "text": " kind."}]
    assert _parse(system="Be kind.").chat_messages[0] == {"role": "system", "parts": ("Be kind.",)}
    request = _parse(system=blocks)
    assert request.chat_messages[0] == {"role": "system", "parts": ("Be", " kind.")}
    assert [(s.kind, s.message, s.part) for s in request.prompt.segments] == [
        (Kind.SYSTEM, -1, 0),
        (Kind.SYSTEM, -1, 1),
        (Kind.MESSAGE, 0, 0),
    ]
    assert (
        _parse(system="").chat_messages
        == _parse(system=[]).chat_messages
        == ({"role": "user", "parts": ("Hi",)},)
    )


def test_system_in_mid_conversation_is_a_system_message() -> None:
    request = _parse(USER, {"role": "system", "content": "Now in French."}, USER)
    assert [message["role"] for message in request.chat_messages] == ["user", "system", "user"]
    assert request.prompt.segments[1].kind is Kind.SYSTEM
    assert request.prompt.segments[1].message == 1


def test_a_tool_round_trip_becomes_calls_and_tool_messages() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
    call = {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "sky"}}
    result = {
        "type": "tool_result",
        "tool_use_id": "t1",
        "content": [{"type": "text", "text": "bl"}, {"type": "text", "text": "ue"}],
    }
    request = _parse(
        USER,
        {"role": "assistant", "content": [thinking, {"type": "text", "text": "Let me."}, call]},
        _user(result, {"type": "text", "text": "Well?"}),
        tools=[TOOL],
    )
    assert request.tools == (
        {
            "type": "function",
            "function": {
                "name": "look",
                "description": "Looks",
                "parameters": {"type": "object"},
            },
        },
    )
    function = {"name": "look", "arguments": {"at": "sky"}}
    assert request.chat_messages[1:] == (
        {
            "role": "assistant",
            "parts": ("Let me.",),
            "tool_calls": [{"id": "t1", "type": "function", "function": function}],
        },
        {"role": "tool", "parts": ("bl", "ue"), "tool_call_id": "t1"},
        {"role": "user", "parts": ("Well?",)},
    )
    assert [(s.role, s.message, s.part, s.text) for s in request.prompt.segments][2:] == [
        ("assistant", 1, 0, ""),
        ("assistant", 1, 1, "Let me."),
        ("assistant", 1, 2, '{"name":"look","input":{"at":"sky"}}'),
        ("tool", 2, 0, "blue"),
        ("user", 2, 1, "Well?"),
    ]


def test_a_tool_is_one_segment_of_canonical_json() -> None:
    marked = {**TOOL, "cache_control": {"type": "ephemeral"}}
    segment = _parse(tools=[marked]).prompt.segments[0]
    assert segment.kind is Kind.TOOL
    assert segment.ttl == 300.0
    assert segment.text == (
        '{"name":"look","description":"Looks","input_schema":{"type":"object"}}'
    )
    assert segment.content == marked


@pytest.mark.parametrize("content", ["It is", [{"type": "thinking", "thinking": "x"}], []])
def test_prefill_is_refused_but_can_be_counted_and_warmed(content: Any) -> None:
    messages = [USER, {"role": "assistant", "content": content}]
    assert "does not support assistant message prefill" in _refusal(*messages)
    assert _parse(*messages, max_tokens=0).max_tokens == 0
    body = msgspec.json.encode({"model": "m", "messages": messages})
    assert DIALECT.parse_count(body).chat_messages[1]["role"] == "assistant"


def test_counting_needs_no_max_tokens() -> None:
    body = msgspec.json.encode({"model": "m", "messages": [USER]})
    assert DIALECT.parse_count(body).max_tokens is None
    with pytest.raises(DialectError, match="max_tokens: Field required"):
        DIALECT.parse(body)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stream": True}, "stream: true"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1}}, "thinking.type: enabled"),
        ({"tool_choice": {"type": "any"}}, "tool_choice.type: any"),
        ({"tool_choice": {"type": "tool", "name": "x"}}, "tool_choice.type: tool"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format"),
    ],
)
def test_prewarming_refuses_what_needs_an_answer(fields: dict[str, Any], message: str) -> None:
    assert message in _refusal(max_tokens=0, **fields)


def test_prewarming_takes_the_rest() -> None:
    request = _parse(max_tokens=0, thinking={"type": "disabled"}, tool_choice={"type": "auto"})
    assert request.max_tokens == 0


_BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"model": 3}, "model: Input should be a valid string"),
    ({"model": ""}, "model: String should have at least 1 character"),
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
    ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": 1.5}, "max_tokens: Input should be a valid integer"),
    ({"temperature": 1.1}, "temperature: Input should be less than or equal to 1"),
    ({"top_p": -1}, "top_p: Input should be greater than or equal to 0"),
    ({"top_k": "x"}, "top_k: Input should be a valid integer"),
    ({"stream": "yes"}, "stream: Input should be a valid boolean"),
    ({"stop_sequences": "x"}, "stop_sequences: Input should be a valid list"),
    ({"stop_sequences": ["x", 4]}, "stop_sequences.1: Input should be a valid string"),
    ({"stop_sequences": [""]}, "stop_sequences.0: String should have at least 1 character"),
    ({"system": 5}, "system: Input should be a valid list"),
    ({"system": [{"type": "image"}]}, "system.0.type: Input should be 'text'"),
    ({"system": [{"type": "text"}]}, "system.0.text: Field required"),
    ({"messages": []}, "messages: at least one message is required"),
    ({"messages": "Hi"}, "messages: Input should be a valid list"),
    ({"messages": None}, "messages: Input should be a valid list"),
    ({"messages": ["Hi"]}, "messages.0: Input should be a valid dictionary"),
    ({"messages": [{"content": "Hi"}]}, "messages.0.role: Field required"),
    ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ({"tools": {}}, "tools: Input should be a valid list"),
    ({"tools": [{"name": "x"}]}, "tools.0.custom.input_schema: Field required"),
    ({"tools": [{"input_schema": {}}]}, "tools.0.custom.name: Field required"),
    ({"tool_choice": "auto"}, "tool_choice: Input should be a valid dictionary"),
    ({"thinking": {}}, "thinking.type: Field required"),
    ({"metadata": 4}, "metadata: Input should be a valid dictionary"),
    ({"cache_salt": ""}, "cache_salt: String should have 1 to 1024 characters"),
]


@pytest.mark.parametrize(("fields", "message"), _BAD_FIELDS)
def test_bad_fields_are_named(fields: dict[str, Any], message: str) -> None:
    assert _refusal(**fields) == message


def test_unknown_roles_and_provider_tools_are_named() -> None:
    assert _refusal({"role": "robot", "content": "Hi"}) == (
        "messages.0.role: Input should be 'user', 'assistant' or 'system'"
    )
    assert "'web_search_20260318'" in _refusal(tools=[{"type": "web_search_20260318", "name": "w"}])


@pytest.mark.parametrize(
    "kind",
    ["image", "document", "audio", "search_result", "container_upload", "thinking", "tool_use"],
)
def test_unsupported_blocks_are_named_with_their_path(kind: str) -> None:
    message = _refusal(USER, _user({"type": "text", "text": "See"}, {"type": kind}))
    assert message.startswith(f"messages.1.content.1: '{kind}' blocks are not supported")


def test_unsupported_blocks_in_tool_results_are_named_with_their_path() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image"}]}
    assert _refusal(_user(result)).startswith("messages.0.content.0.content.0: 'image' blocks")


def test_empty_user_content_is_refused() -> None:
    assert "must be non-empty" in _refusal(_user({"type": "text", "text": ""}))
    assert "must have non-empty content" in _refusal({"role": "user", "content": ""})
    assert "must have non-empty content" in _refusal({"role": "user", "content": []})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": "\\ud800"}', b'{"a":1,"a":1}'])
def test_malformed_bodies_are_invalid_requests(body: bytes) -> None:
    with pytest.raises(DialectError, match="The request body is not valid JSON") as caught:
        DIALECT.parse(body)
    assert caught.value.status == 400
