"""No bytes, however close to a request, get more than a Call or a DialectError."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects import COMPATIBLE, DialectError, Gemini, OpenAIChat, OpenAIResponses
from headstart.dialects.gemini import read_cache, read_cache_patch
from headstart.prompt import chained

_CHAT = {
    "model": "m",
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "messages": [
        {"role": "developer", "content": "d", "name": "n"},
        {"role": "user", "content": [{"type": "text", "text": "u", "prompt_cache_breakpoint": {
            "mode": "explicit", "ttl": "30m"}, "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "reasoning_content": "r", "tool_calls": [
            {"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "i", "content": "r"},
    ],
    "prompt_cache_options": {"ttl": "5m"},
    "cache_control": {"type": "ephemeral"},
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "stream_options": {"include_usage": True},
    "tool_choice": "auto",
    "cache_salt": "s",
    "user_id": "u",
    "session_id": "s",
}  # fmt: skip
_RESPONSES = {
    "model": "m",
    "instructions": "i",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "u"}]},
        {"type": "function_call_output", "output": [{"type": "input_text", "text": "u"}]},
        {"type": "item_reference", "id": "x"},
        {"type": "reasoning", "summary": []},
    ],
    "text": {"format": {"type": "text"}},
    "reasoning": {"effort": "low"},
    "prompt_cache_options": {"mode": "explicit", "ttl": "12h", "prewarm": True},
    "conversation": {"id": "c"},
}
_GEMINI = {
    "model": "models/m",
    "systemInstruction": {"parts": [{"text": "s"}]},
    "tools": [{"functionDeclarations": [{"name": "f"}]}, {"google_search": {}}],
    "contents": [{"role": "user", "parts": [{"text": "t"}, {"inlineData": {"mimeType": "x"}}]}],
    "generationConfig": {"maxOutputTokens": 5},
    "ttl": "3s",
    "displayName": "d",
}
_READERS: dict[str, tuple[Callable[[bytes], Any], dict[str, Any]]] = {
    "chat": (OpenAIChat().read, _CHAT | {"prompt_cache_options": {"mode": "implicit"}}),
    "openrouter": (COMPATIBLE["openrouter"].read, _CHAT | {"prompt_cache_options": None}),
    "kimi": (COMPATIBLE["kimi"].read, _CHAT),
    "sglang": (COMPATIBLE["sglang"].read, _CHAT),
    "responses": (OpenAIResponses().read, _RESPONSES),
    "gemini": (Gemini().read, _GEMINI),
    "cache": (read_cache, _GEMINI),
    "patch": (read_cache_patch, {"ttl": "3s"}),
}
_SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 2**63, 2**64, 1e308, "", "text", "user", "tool", "5m", "é", "\x00"])
    | st.text(max_size=3)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "parts", "role", "ttl", "id"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def _spots(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        found.append((value, key))
        if isinstance(item, (dict, list)):
            _spots(item, found)
    return found


def _attempt(read: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return read(body)
    except DialectError as err:
        return err


def _holds(read: Callable[[bytes], Any], body: bytes) -> None:
    result = _attempt(read, body)
    if isinstance(result, DialectError):
        assert result.status == 400
        assert result.message
        return
    prompt = getattr(result, "prompt", None)
    if prompt is not None:
        chain = chained(prompt, lambda segment: len(segment.text))
        assert len(chain.keys) == len(prompt.segments)
        assert all(segment.canonical for segment in prompt.segments)


@pytest.mark.parametrize("name", _READERS)
def test_the_unmutated_request_is_valid(name: str) -> None:
    read, body = _READERS[name]
    read(json.dumps(body).encode())


@pytest.mark.parametrize("name", _READERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_value_anywhere(name: str, data: st.DataObject) -> None:
    read, whole = _READERS[name]
    body = copy.deepcopy(whole)
    for _ in range(data.draw(st.sampled_from([1, 1, 2, 3]))):
        spots = _spots(body, [])
        if not spots:
            break
        container, key = spots[data.draw(st.integers(0, len(spots) - 1))]
        if isinstance(container, dict) and data.draw(st.booleans()):
            del container[key]
        else:
            container[key] = data.draw(_VALUES)
    _holds(read, json.dumps(body).encode())


@pytest.mark.parametrize("name", _READERS)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_bytes_anywhere(name: str, data: st.DataObject) -> None:
    read, whole = _READERS[name]
    body = bytearray(json.dumps(whole).encode())
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 8)))
    body[start:end] = data.draw(
        st.binary(max_size=6) | st.sampled_from([b"\\ud800", b"[" * 2000, b'"a":1,', b"NaN"])
    )
    _holds(read, bytes(body))
