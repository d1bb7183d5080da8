"""No body, however close to a valid one, gets more than a Call or a DialectError."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects import AnthropicHosted, BedrockConverse, BedrockInvoke, DialectError
from headstart.dialects.hosted import Call, Hosted, Placement, Unmarkable

_MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
_DIRECTIVES = {"cache_control", "cachePoint"}
_POINT = {"cachePoint": {"type": "default", "ttl": "5m"}}
_ANTHROPIC: dict[str, Any] = {
    "model": "m",
    "max_tokens": 3,
    "anthropic_version": "2026-10-21",
    "system": [{"type": "text", "text": "s", **_MARK}],
    "tools": [{"name": "t", "input_schema": {}}, {"type": "web_search_1", "defer_loading": True}],
    "messages": [
        {"role": "user", "content": [{"type": "document", "citations": {"enabled": True}}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "x"},
                {"type": "tool_use", "id": "i", "name": "t", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "content": [{"type": "text", "text": "r", **_MARK}]},
                {"type": "text", "text": "v", "citations": []},
            ],
        },
    ],
    "cache_control": {"type": "ephemeral"},
    "thinking": {"type": "adaptive"},
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "output_config": {"effort": "low", "format": None},
    "metadata": {"user_id": "u"},
    "speed": "fast",
}
_CONVERSE: dict[str, Any] = {
    "toolConfig": {"tools": [{"toolSpec": {"name": "t"}}, _POINT], "toolChoice": {"auto": {}}},
    "system": [{"text": "s"}, _POINT],
    "messages": [
        {"role": "user", "content": [{"text": "u"}, {"image": {}}, _POINT]},
        {"role": "assistant", "content": [{"reasoningContent": {}}, {"toolUse": {"name": "t"}}]},
        {
            "role": "user",
            "content": [
                {"toolResult": {"content": [{"text": "r"}, {"document": {"citations": {}}}]}},
                {"text": "v", **_POINT},
            ],
        },
    ],
    "inferenceConfig": {"maxTokens": 3},
    "outputConfig": {"effort": "low", "textFormat": {}},
    "additionalModelRequestFields": {"thinking": {"type": "adaptive"}, "output_config": {}},
}
_BODIES: list[tuple[Hosted, dict[str, Any]]] = [
    (AnthropicHosted(), _ANTHROPIC),
    (BedrockInvoke(), _ANTHROPIC),
    (BedrockInvoke(), _CONVERSE),
    (BedrockConverse(), {**_CONVERSE, "messages": _CONVERSE["messages"][:2]}),
]
_SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 2**64, 1e300, "", "text", "user", "image", "default", "5m", "1h"])
    | st.text(max_size=3)
)
_KEYS = st.sampled_from(["type", "text", "content", "role", "ttl", "cachePoint", "cache_control"])
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=6,
)


def _spots(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    found = []
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        found.append((value, key))
        if isinstance(item, (dict, list)):
            found += _spots(item)
    return found


def _read(hosted: Hosted, body: bytes) -> Call | None:
    try:
        return hosted.read(body, model="m")
    except DialectError as err:
        refusal = err
    status, _, error = hosted.error(refusal, "req_1")
    assert status == refusal.status == 400
    assert isinstance(json.loads(error), dict)
    return None


@pytest.mark.parametrize(("hosted", "valid"), _BODIES)
def test_the_unmutated_request_is_valid(hosted: Hosted, valid: dict[str, Any]) -> None:
    assert _read(hosted, json.dumps(valid).encode()) is not None


@pytest.mark.parametrize(("hosted", "valid"), _BODIES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_value_anywhere(hosted: Hosted, valid: dict[str, Any], data: st.DataObject) -> None:
    body = copy.deepcopy(valid)
    for _ in range(data.draw(st.sampled_from([1, 1, 2, 3]))):
        container, key = data.draw(st.sampled_from(_spots(body)))
        if isinstance(container, dict) and data.draw(st.booleans()):
            del container[key]
        else:
            container[key] = data.draw(_VALUES)
    raw = json.dumps(body).encode()
    call = _read(hosted, raw)
    if call is None:
        return
    segments = call.prompt.segments
    assert all(segment.canonical and segment.text is not None for segment in segments)
    for number, segment in enumerate(segments):
        if isinstance(segment.content, dict) and _DIRECTIVES & segment.content.keys():
            continue  # null is no directive, but its key stands there
        if segment.markable and segment.ttl is None:
            marked = hosted.mark(raw, [Placement(number, 300.0)])
            assert marked.original() == raw
        elif not segment.markable:
            with pytest.raises(Unmarkable):
                hosted.mark(raw, [Placement(number, 300.0)])
