"""Resumed or not, what is read is the same."""

from __future__ import annotations

import json
import random
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.audit.importers.bodies import Body, body_of
from headstart.audit.importers.contract import Unreadable
from headstart.audit.importers.resuming import Resuming

MARK = {"cache_control": {"type": "ephemeral"}}
TEXTS = st.sampled_from(["a", "b", "longer text", ""])
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x"}}

chat_messages = st.one_of(
    st.builds(
        lambda role, text: {"role": role, "content": text},
        st.sampled_from(["user", "assistant", "system", "developer"]),
        TEXTS,
    ),
    st.builds(
        lambda text: {"role": "user", "content": [{"type": "text", "text": text}, {**PART}]}, TEXTS
    ),
    st.just({"role": "assistant", "content": None, "tool_calls": [CALL]}),
    st.just({"role": "tool", "tool_call_id": "c", "content": "result"}),
    st.just({"role": "robot", "content": "what no provider takes"}),
)
PART = {"type": "text", "text": "marked", "prompt_cache_breakpoint": {"mode": "explicit"}}
claude_messages = st.one_of(
    st.builds(
        lambda role, text: {"role": role, "content": text},
        st.sampled_from(["user", "assistant"]),
        TEXTS,
    ),
    st.builds(
        lambda text, mark: {
            "role": "user",
            "content": [{"type": "text", "text": text, **(MARK if mark else {})}],
        },
        TEXTS,
        st.booleans(),
    ),
    st.just(
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}],
        }
    ),
    st.just(
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]}
    ),
    st.just({"role": "user", "content": [IMAGE]}),
)
gemini_contents = st.builds(
    lambda role, text: {"role": role, "parts": [{"text": text}]},
    st.sampled_from(["user", "model"]),
    TEXTS,
)
response_items = st.one_of(
    st.builds(
        lambda role, text: {"role": role, "content": text},
        st.sampled_from(["user", "assistant", "developer"]),
        TEXTS,
    ),
    st.just({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}),
    st.just({"type": "function_call_output", "call_id": "c", "output": "r"}),
    st.just({"type": "item_reference", "id": "i"}),
)
converse_messages = st.builds(
    lambda role, text, mark: {
        "role": role,
        "content": [{"text": text}, *([{"cachePoint": {"type": "default"}}] if mark else [])],
    },
    st.sampled_from(["user", "assistant"]),
    TEXTS,
    st.booleans(),
)
TOOLS = [{"name": "f", "description": "d", "input_schema": {"type": "object"}, **MARK}]
CHAT_TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
BLOCKS = [{"type": "text", "text": "system", **MARK}]
LONG = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
DIALECTS: list[tuple[str, dict[str, Any], Any]] = [
    ("messages", {"model": "gpt-5.4"}, chat_messages),
    ("messages", {"model": "claude-sonnet-4-5", "max_tokens": 9, "system": "s"}, claude_messages),
    ("messages", {"model": "claude-sonnet-4-5", "max_tokens": 9, **MARK}, claude_messages),
    ("messages", {"model": "m"}, st.one_of(chat_messages, claude_messages)),
    ("messages", {"model": "gpt-5.4", "tools": CHAT_TOOLS, "user": "u"}, chat_messages),
    (
        "messages",
        {"model": "claude-x", "max_tokens": 9, "tools": TOOLS, "system": BLOCKS},
        claude_messages,
    ),
    (
        "messages",
        {"model": "m", "max_tokens": 9, "system": [{**BLOCKS[0], **LONG}], "thinking": None},
        claude_messages,
    ),
    ("contents", {"systemInstruction": {"parts": [{"text": "s"}]}}, gemini_contents),
    ("input", {"model": "gpt-5.4", "instructions": "s"}, response_items),
    ("messages", {"inferenceConfig": {}, "system": [{"text": "s"}]}, converse_messages),
]


def outcome(read: Any, raw: bytes) -> Body | str:
    try:
        body: Body = read(raw)
    except Unreadable as problem:
        return str(problem)
    return body


@pytest.mark.parametrize(("field", "rest", "messages"), DIALECTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_it_is_the_same_as_reading_all_of_it(
    field: str, rest: dict[str, Any], messages: Any, data: st.DataObject
) -> None:
    resuming = Resuming()
    rng = data.draw(st.randoms(use_true_random=False))
    conversations = [data.draw(st.lists(messages, min_size=1, max_size=12)) for _ in range(2)]
    for turn in range(8):
        if rng.random() < 0.2:
            rest = {**rest, "temperature": turn}
        conversation = rng.choice(conversations)
        said = conversation[: rng.randint(1, len(conversation))]
        if rng.random() < 0.2:
            said = [*said[: rng.randint(0, len(said))], *rng.choice(conversations)[-2:]]
        raw = json.dumps({**rest, field: said}).encode()
        assert outcome(lambda raw: resuming.read(raw, body_of), raw) == outcome(body_of, raw)


def test_what_was_said_before_is_not_read_again() -> None:
    asked: list[int] = []

    def whole(raw: bytes) -> Body:
        asked.append(len(json.loads(raw)["messages"]))
        return body_of(raw)

    resuming = Resuming()
    rng = random.Random(1)
    said: list[list[dict[str, str]]] = [[{"role": "system", "content": "s"}] for _ in range(3)]
    for _ in range(60):
        messages = rng.choice(said)
        messages.append({"role": "user", "content": f"{rng.random()}"})
        resuming.read(json.dumps({"model": "gpt-5.4", "messages": messages}).encode(), whole)
        messages.append({"role": "assistant", "content": f"{rng.random()}"})
    assert sum(asked) < 60 * 4
    assert max(asked) <= 4


def test_what_comes_with_the_headers_is_each_request_s_own() -> None:
    resuming = Resuming()
    said = [{"role": "user", "content": f"{n}"} for n in range(6)]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    for turn in (4, 5, 6):
        body = {"model": "grok-4", "tools": tools, "messages": said[:turn]}
        raw = json.dumps(body).encode()
        read = partial(body_of, provider="xai", headers={"x-grok-conv-id": f"session {turn}"})
        found = resuming.read(raw, read)
        assert found == read(raw)
        assert found.prompt.controls.session == f"session {turn}"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from headstart.audit.importers import resuming as module

    monkeypatch.setattr(module, "_MOST_BYTES", 10_000)
    resuming = Resuming()
    for n in range(50):
        messages = [{"role": "user", "content": f"{n}" * 300} for _ in range(4)]
        resuming.read(json.dumps({"model": "m", "messages": messages}).encode(), body_of)
        assert resuming._size <= 10_000
        assert resuming._size == sum(earlier.size for earlier in resuming._seen.values())
