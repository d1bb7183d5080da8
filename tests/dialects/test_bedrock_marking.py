"""Cache points against a naive twin that edits the parsed body."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects import BedrockConverse, BedrockInvoke, DialectError
from headstart.dialects.hosted import Hosted, Placement, Unmarkable
from headstart.prompt import Segment
from tests.dialects import raw_json

CONVERSE, NOVA = BedrockConverse(), BedrockInvoke()
TTLS = {None: {}, 300.0: {"ttl": "5m"}, 3600.0: {"ttl": "1h"}}

_word = raw_json.string()
_point = raw_json.fields({"type": st.just('"default"')})


@st.composite
def _member(draw: st.DrawFn, key: str, value: st.SearchStrategy[str]) -> str:
    return raw_json.joined(draw, [(f'"{key}"', draw(value))])


_element = _member("cachePoint", _point)
_blocks = st.one_of(
    _member("text", _word),
    _member("text", _word),
    _member("toolUse", raw_json.fields({"name": _word, "input": raw_json.anything})),
    _member("toolResult", raw_json.fields({"content": raw_json.array(_member("text", _word))})),
    _member("reasoningContent", raw_json.anything),
    _element,
)
_role = st.sampled_from(['"user"', '"assistant"'])
_parts = {
    "toolConfig": raw_json.fields(
        {"tools": raw_json.array(_member("toolSpec", raw_json.anything) | _element)}
    )
    | st.just("null"),
    "system": raw_json.array(_member("text", _word) | _element) | st.just("null"),
    "messages": raw_json.array(
        raw_json.fields({"role": _role, "content": raw_json.array(_blocks)})
    ),
}
BODIES = st.one_of(raw_json.fields(_parts), raw_json.fields({"messages": _parts["messages"]})).map(
    str.encode
)


def _lists(body: dict[str, Any]) -> list[list[Any]]:
    contents = [message["content"] for message in body["messages"]]
    return [(body.get("toolConfig") or {}).get("tools") or [], body.get("system") or [], *contents]


def _is_point(block: dict[str, Any]) -> bool:
    return list(block) == ["cachePoint"]


def _places(body: dict[str, Any]) -> list[tuple[list[Any], dict[str, Any]]]:
    """The list and the block of every segment, in prompt order."""
    return [(box, block) for box in _lists(body) for block in box if not _is_point(block)]


def _after(box: list[Any], block: dict[str, Any]) -> int:
    return next(index for index, item in enumerate(box) if item is block) + 1


def _takes(box: list[Any], block: dict[str, Any]) -> bool:
    behind = box[_after(box, block) :]
    marked = bool(behind) and _is_point(behind[0])
    return not marked and "reasoningContent" not in block


def _keys(hosted: Hosted, body: bytes) -> tuple[Segment, ...] | None:
    try:
        return hosted.read(body, model="amazon.nova-pro-v1:0").prompt.segments
    except DialectError:
        return None


@settings(max_examples=150, deadline=None)
@given(BODIES, st.sampled_from([CONVERSE, NOVA]), st.data())
def test_points_stand_where_they_should_and_come_out_again(
    body: bytes, hosted: Hosted, data: st.DataObject
) -> None:
    expected = json.loads(body)
    tools = [id(tool) for tool in _lists(expected)[0]]
    places = _places(expected)
    able = [number for number, place in enumerate(places) if _takes(*place)]
    chosen = data.draw(st.sets(st.sampled_from(able), max_size=4)) if able else set()
    placements = [Placement(n, data.draw(st.sampled_from(list(TTLS)))) for n in chosen]
    for number, ttl in placements:
        box, block = places[number]
        point = {"type": "default", **TTLS[ttl]}
        if hosted is CONVERSE or id(block) in tools:
            box.insert(_after(box, block), {"cachePoint": point})
        else:
            block["cachePoint"] = point
    marked = hosted.mark(body, placements)
    assert marked.original() == body
    assert json.loads(marked.body) == expected
    before, after = _keys(hosted, body), _keys(hosted, marked.body)
    if before is not None and after is not None:
        assert [s.canonical for s in before] == [s.canonical for s in after]
        assert all(after[n].ttl == (ttl or 300.0) for n, ttl in placements)
    for box in _lists(expected):
        box[:] = [block for block in box if not _is_point(block)]
        for block in box:
            block.pop("cachePoint", None)
    bare = hosted.strip(marked.body)
    assert json.loads(bare) == expected
    assert hosted.strip(bare) == bare


@settings(max_examples=100, deadline=None)
@given(BODIES, st.sampled_from([CONVERSE, NOVA]))
def test_what_takes_no_point_says_so(body: bytes, hosted: Hosted) -> None:
    places = _places(json.loads(body))
    for number, place in enumerate(places):
        if not _takes(*place):
            with pytest.raises(Unmarkable):
                hosted.mark(body, [Placement(number, None)])
    with pytest.raises(Unmarkable):
        hosted.mark(body, [Placement(len(places), None)])


_SOUND = b'{"system":[{"text":"s"}],"messages":[{"role":"user","content":[{"text":"u"}]}]}'


@pytest.mark.parametrize(
    "placements", [[(0, 60.0)], [(-1, None)], [(2, None)], [(0, None), (0, 300.0)]]
)
def test_placements_that_make_no_sense(placements: list[tuple[int, float | None]]) -> None:
    with pytest.raises(Unmarkable):
        CONVERSE.mark(_SOUND, [Placement(*placement) for placement in placements])
    assert CONVERSE.mark(_SOUND, []).body == _SOUND


@settings(max_examples=100, deadline=None)
@given(BODIES, st.data())
def test_any_bytes_anywhere(body: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 6)))
    junk = data.draw(st.binary(max_size=6) | st.sampled_from([b"[" * 3000, b'"a":1,', b"\\ud800"]))
    broken = body[:start] + junk + body[end:]
    for hosted in (CONVERSE, NOVA):
        try:
            marked = hosted.mark(broken, [Placement(data.draw(st.integers(0, 3)), 300.0)])
        except Unmarkable:
            continue
        assert marked.original() == broken
        json.loads(marked.body.decode(errors="replace"))
