"""No bytes, however close to a valid request, get more than a Request or a DialectError."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects import AnthropicDialect, Dialect, DialectError, OpenAIDialect, Request

DIALECTS: list[Dialect] = [AnthropicDialect(), OpenAIDialect()]

_MARK = {"type": "ephemeral", "ttl": "1h"}
_ANTHROPIC: dict[str, Any] = {
    "model": "m",
    "max_tokens": 3,
    "system": [{"type": "text", "text": "s", "cache_control": _MARK}],
    "tools": [{"name": "t", "description": "d", "input_schema": {"type": "object"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "u"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "x", "signature": "y"},
                {"type": "tool_use", "id": "i", "name": "t", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "i", "content": "r"},
                {"type": "text", "text": "v", "cache_control": {"type": "ephemeral"}},
            ],
        },
    ],
    "cache_control": {"type": "ephemeral"},
    "stop_sequences": ["x"],
    "temperature": 0.5,
    "top_k": 3,
    "stream": True,
    "thinking": {"type": "enabled"},
    "tool_choice": {"type": "auto"},
    "output_config": {"effort": "low"},
    "cache_salt": "s",
}
_OPENAI: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "developer", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "u", "prompt_cache_breakpoint": {"mode": "explicit"}}
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "i", "type": "function", "function": {"name": "t", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "i", "content": "r"},
    ],
    "tools": [{"type": "function", "function": {"name": "t", "parameters": {}}}],
    "tool_choice": "auto",
    "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
    "response_format": {"type": "text"},
    "stream": True,
    "stream_options": {"include_usage": True},
    "stop": ["x"],
    "n": 1,
    "seed": 1,
    "cache_salt": "s",
}
_REQUESTS = {"anthropic": _ANTHROPIC, "openai": _OPENAI}

_WORDS = ["text", "image", "tool_use", "tool_result", "thinking", "user", "assistant", "system",
          "ephemeral", "5m", "1h", "12h", "explicit", "function", "", "\x00", "é"]  # fmt: skip
_SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 1, 2**63, 2**64 - 1, 2**64])
    | st.floats()
    | st.sampled_from(_WORDS)
    | st.text(max_size=3)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "role", "ttl", "mode", "input"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def _spots(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        found.append((value, key))
        if isinstance(item, (dict, list)):
            _spots(item, found)
    return found


def _attempt(parse: Callable[[bytes], Request], body: bytes) -> Request | DialectError:
    try:
        return parse(body)
    except DialectError as err:
        return err


def _holds(dialect: Dialect, body: bytes) -> None:
    result = _attempt(dialect.parse, body)
    if isinstance(result, Request):
        _is_sound(result)
        return
    status, _, error = dialect.error(result, "req_1")
    assert status == result.status == 400
    assert isinstance(json.loads(error), dict)


def _is_sound(request: Request) -> None:
    """What an engine builds on: valid text, marks that point at something."""
    for message in request.chat_messages:
        assert message["role"] in ("system", "user", "assistant", "tool")
        for part in message["parts"]:
            part.encode()
    json.dumps([request.chat_messages, request.tools], allow_nan=False)
    for message_index, part_index, ttl in request.marks:
        assert ttl > 0
        if message_index == -1:
            assert part_index < len(request.tools)
        else:
            message = request.chat_messages[message_index]
            ends = len(message["parts"]) + len(message.get("tool_calls", ()))
            assert part_index < max(ends, 1)
    assert sorted(request.marks, key=lambda mark: mark[:2]) == list(request.marks)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_unmutated_request_is_valid(dialect: Dialect) -> None:
    _is_sound(dialect.parse(json.dumps(_REQUESTS[dialect.name]).encode()))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@given(body=st.binary(max_size=60))
def test_any_bytes(dialect: Dialect, body: bytes) -> None:
    _holds(dialect, body)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_value_anywhere(dialect: Dialect, data: st.DataObject) -> None:
    body = copy.deepcopy(_REQUESTS[dialect.name])
    for _ in range(data.draw(st.sampled_from([1, 1, 1, 2, 3]))):
        spots = _spots(body, [])
        container, key = spots[data.draw(st.integers(0, len(spots) - 1))]
        if isinstance(container, dict) and data.draw(st.booleans()):
            del container[key]
        else:
            container[key] = data.draw(_VALUES)
    _holds(dialect, json.dumps(body).encode())


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_bytes_anywhere(dialect: Dialect, data: st.DataObject) -> None:
    body = bytearray(json.dumps(_REQUESTS[dialect.name]).encode())
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 8)))
    body[start:end] = data.draw(
        st.binary(max_size=6) | st.sampled_from([b"\\ud800", b"\\udc00 ", b"[" * 2000, b'"a":1,'])
    )
    _holds(dialect, bytes(body))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_counting_takes_any_value_anywhere(data: st.DataObject) -> None:
    body = copy.deepcopy(_ANTHROPIC)
    spots = _spots(body, [])
    container, key = spots[data.draw(st.integers(0, len(spots) - 1))]
    container[key] = data.draw(_VALUES)
    result = _attempt(AnthropicDialect().parse_count, json.dumps(body).encode())
    if isinstance(result, Request):
        assert result.max_tokens is None
        _is_sound(result)
