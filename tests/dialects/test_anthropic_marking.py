"""Marks against a naive twin that edits the parsed body."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects import AnthropicHosted, DialectError
from headstart.dialects.hosted import Placement, Unmarkable
from headstart.prompt import Segment
from tests.dialects import raw_json

HOSTED = AnthropicHosted()
TTLS = {None: {}, 300.0: {"ttl": "5m"}, 3600.0: {"ttl": "1h"}}

_word = raw_json.string()
_directive = st.sampled_from(['{"type":"ephemeral"}', '{ "ttl" : "5m" , "type" : "ephemeral" }'])


def _block(kind: str, **given: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    shape = {"type": st.just(f'"{kind}"'), **given}
    marked = {**shape, "cache_control": _directive}
    return st.one_of(*[raw_json.fields(shape)] * 4, raw_json.fields(marked))


_text = _block("text", text=_word)
_blocks = st.one_of(
    _text,
    _text,
    _block("tool_use", id=_word, name=_word, input=raw_json.anything),
    _block("tool_result", tool_use_id=_word, content=_word | raw_json.array(_text)),
    raw_json.fields({"type": st.just('"thinking"'), "thinking": _word}),
    _block("image", source=raw_json.anything),
)
_tools = raw_json.array(
    _block("custom", name=_word, input_schema=raw_json.anything)
    | raw_json.fields({"name": _word, "defer_loading": st.sampled_from(["true", "false"])})
)
_messages = raw_json.array(
    raw_json.fields(
        {
            "role": st.sampled_from(['"user"', '"assistant"']),
            "content": _word | raw_json.array(_blocks),
        }
    )
)
_parts = {
    "tools": _tools | st.just("null"),
    "system": _word | raw_json.array(_text) | st.just("null"),
    "messages": _messages,
    "max_tokens": st.just("1"),
    "model": _word,
    "cache_control": _directive,
}
BODIES = st.one_of(
    raw_json.fields({key: value for key, value in _parts.items() if key != "cache_control"}),
    raw_json.fields(_parts),
    raw_json.fields({key: _parts[key] for key in ("model", "messages", "max_tokens")}),
).map(str.encode)


def _places(body: dict[str, Any]) -> list[tuple[Any, Any]]:
    """The container and key of every segment, in prompt order."""
    found: list[tuple[Any, Any]] = [(body["tools"], i) for i in range(len(body.get("tools") or ()))]
    system = body.get("system")
    if isinstance(system, list):
        found += [(system, i) for i in range(len(system))]
    elif system:
        found.append((body, "system"))
    for message in body["messages"]:
        content = message["content"]
        if isinstance(content, str):
            found.append((message, "content"))
        else:
            found += [(content, i) for i in range(len(content))]
    return found


def _takes(block: Any) -> bool:
    if isinstance(block, str):
        return bool(block)
    return not (
        "cache_control" in block
        or block.get("type") == "thinking"
        or (block.get("type") == "text" and not block["text"])
        or block.get("defer_loading")
    )


def _without(value: Any) -> Any:
    """No directives at the top, on blocks, or on blocks in them."""
    if isinstance(value, dict):
        lists = ("tools", "system", "messages", "content")
        return {
            key: _without(item) if key in lists else item
            for key, item in value.items()
            if key != "cache_control"
        }
    return [_without(item) for item in value] if isinstance(value, list) else value


def _segments(body: bytes) -> tuple[Segment, ...] | None:
    try:
        return HOSTED.read(body).prompt.segments
    except DialectError:
        return None


@settings(max_examples=150, deadline=None)
@given(BODIES, st.data())
def test_marks_stand_where_they_should_and_come_out_again(body: bytes, data: st.DataObject) -> None:
    expected = json.loads(body)
    places = _places(expected)
    able = [number for number, (box, key) in enumerate(places) if _takes(box[key])]
    chosen = data.draw(st.sets(st.sampled_from(able), max_size=4)) if able else set()
    placements = [Placement(n, data.draw(st.sampled_from(list(TTLS)))) for n in chosen]
    for number, ttl in placements:
        box, key = places[number]
        if isinstance(box[key], str):
            box[key] = [{"type": "text", "text": box[key]}]
            box, key = box[key], 0
        box[key]["cache_control"] = {"type": "ephemeral", **TTLS[ttl]}
    marked = HOSTED.mark(body, placements)
    assert marked.original() == body
    assert json.loads(marked.body) == expected
    assert json.loads(HOSTED.strip(marked.body)) == _without(expected)
    before, after = _segments(body), _segments(marked.body)
    if before is not None and after is not None:
        assert [s.canonical for s in before] == [s.canonical for s in after]
        assert [s.markable for s in before] == [s.markable for s in after]
        assert all(after[n].ttl == (ttl or 300.0) for n, ttl in placements)


@settings(max_examples=100, deadline=None)
@given(BODIES)
def test_a_body_is_stripped_of_its_own_directives_alone(body: bytes) -> None:
    parsed = json.loads(body)
    bare = HOSTED.strip(body)
    assert json.loads(bare) == _without(parsed)
    assert HOSTED.strip(bare) == bare
    if _without(parsed) == parsed:
        assert bare == body


@settings(max_examples=100, deadline=None)
@given(BODIES)
def test_what_takes_no_directive_says_so(body: bytes) -> None:
    places = _places(json.loads(body))
    for number, (box, key) in enumerate(places):
        if not _takes(box[key]):
            with pytest.raises(Unmarkable):
                HOSTED.mark(body, [Placement(number, None)])
    with pytest.raises(Unmarkable):
        HOSTED.mark(body, [Placement(len(places), None)])


_SOUND = b'{"system":"s","tools":[{"name":"t"}],"messages":[{"role":"user","content":"u"}]}'


@pytest.mark.parametrize(
    "placements",
    [[(0, 60.0)], [(-1, None)], [(3, None)], [(0, None), (0, 300.0)]],
)
def test_placements_that_make_no_sense(placements: list[tuple[int, float | None]]) -> None:
    with pytest.raises(Unmarkable):
        HOSTED.mark(_SOUND, [Placement(*placement) for placement in placements])
    assert HOSTED.mark(_SOUND, []).body == _SOUND


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[],"messages":[{"role":"user","content":"u"}]}',
        b'{"messages":[{"role":"user","content":"a","content":"u"}]}',
        b'{"messages":[{"role":"user","content":[{"type":"text","text":"a","text":"b"}]}]}',
        b'{"messages":[{"role":"user","content":[{"type":"text","text":"\\ud800"}]}]}',
        b'{"messages":[{"role":"user","content":[1]}]}',
        b'{"messages":[{"role":"user","content":null}]}',
        b'{"messages":"m"}',
        b"{}",
        b'\xef\xbb\xbf{"messages":[{"role":"user","content":"u"}]}',
        b'{"messages":[{"role":"user","content":"u"}]}{}',
        b'{"messages":[{"role":"user","content":[{"type":1e400,"text":"a"}]}]}',
    ],
)
def test_bodies_that_leave_a_doubt(body: bytes) -> None:
    with pytest.raises(Unmarkable):
        HOSTED.mark(body, [Placement(0, None)])


@settings(max_examples=150, deadline=None)
@given(BODIES, st.data())
def test_any_bytes_anywhere(body: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 6)))
    junk = data.draw(st.binary(max_size=6) | st.sampled_from([b"[" * 3000, b'"a":1,', b"\\ud800"]))
    broken = body[:start] + junk + body[end:]
    try:
        marked = HOSTED.mark(broken, [Placement(data.draw(st.integers(0, 3)), 300.0)])
    except Unmarkable:
        return
    assert marked.original() == broken
    json.loads(marked.body.decode(errors="replace"))
    # What is odd may stand where marking did not have to look.
    with contextlib.suppress(Unmarkable):
        assert isinstance(HOSTED.strip(marked.body), bytes)
