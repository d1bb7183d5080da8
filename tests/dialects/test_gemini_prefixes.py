"""Parts of a request replaced by a cache object, against a twin that edits the parsed body."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects import DialectError, Gemini, Unmarkable
from headstart.dialects.gemini import read_cache
from headstart.dialects.gemini.prefixes import (
    continuing,
    creation,
    digests,
    extension,
    outline,
    read_made,
    sound,
)
from tests.dialects import raw_json

NAME = "cachedContents/ez2y-h_6"
_HELD = {
    "systemInstruction": "system_instruction",
    "tools": "tools",
    "toolConfig": "tool_config",
    "cachedContent": "cached_content",
}
_word = raw_json.string()
_part = raw_json.fields({"text": _word})
_content = raw_json.fields(
    {
        "role": st.sampled_from(['"user"', '"model"', '"function"']),
        "parts": raw_json.array(_part, least=1),
    }
) | raw_json.fields({"parts": raw_json.array(_part, least=1)})
_system = raw_json.fields({"parts": raw_json.array(_part, least=1)}) | st.just("null")
_tools = raw_json.array(
    raw_json.fields(
        {"functionDeclarations": raw_json.array(raw_json.fields({"name": _word}), least=1)}
    ),
    least=1,
) | st.just("null")
_config = raw_json.fields({"functionCallingConfig": raw_json.anything}) | st.just("null")


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Requests with any of the fields, under either name, and unknown ones."""
    shapes: dict[str, st.SearchStrategy[str]] = {
        "systemInstruction": _system,
        "tools": _tools,
        "toolConfig": _config,
        "cachedContent": st.just("null"),
        "generationConfig": raw_json.fields({"temperature": raw_json.number}),
        "safetySettings": raw_json.array(raw_json.anything),
    }
    some = draw(st.sets(st.sampled_from(sorted(shapes))))
    given = {
        draw(st.sampled_from([name, _HELD.get(name, name)])): shapes[name] for name in sorted(some)
    }
    return draw(raw_json.fields({**given, "contents": raw_json.array(_content)})).encode()


def _rest(body: dict[str, Any], count: int) -> dict[str, Any]:
    gone = {*_HELD, *_HELD.values()}
    kept = {key: value for key, value in body.items() if key not in gone}
    return {**kept, "contents": body["contents"][count:], "cachedContent": NAME}


def _held(body: dict[str, Any], count: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, snake in list(_HELD.items())[:3]:
        value = body.get(name, body.get(snake))
        if value is not None:
            found[name] = value
    if count:
        found["contents"] = body["contents"][:count]
    return found


@given(bodies())
@settings(deadline=None)
def test_what_is_left_and_what_is_held_are_the_request(body: bytes) -> None:
    try:
        shape = outline(body)
    except Unmarkable:
        return
    assert shape is not None
    parsed = json.loads(body)
    roles = [content.get("role") for content in parsed["contents"]]
    assert [n for n in shape.counts if n] == [n for n, r in enumerate(roles, 1) if r != "model"]
    assert (0 in shape.counts) == bool(_held(parsed, 0).keys() - {"toolConfig"})
    for count in shape.counts:
        made = json.loads(creation(body, shape, count, "models/m", 300))
        assert made == {
            "model": "models/m",
            **_held(parsed, count),
            "ttl": "300s",
            "displayName": "headstart",
        }
        if count == len(roles):
            with pytest.raises(Unmarkable):
                continuing(body, shape, count, NAME)
            continue
        rest = continuing(body, shape, count, NAME)
        items = list(json.loads(rest).items())
        assert items == list(_rest(parsed, count).items()), "in the client's order too"
        for key, member in json.loads(rest).items():
            if key not in ("contents", "cachedContent"):
                assert member == parsed[key]


@given(bodies())
@settings(deadline=None)
def test_a_provider_takes_both(body: bytes) -> None:
    """Whatever the dialect takes, it takes in two parts; their segments are the request's."""
    try:
        shape, call = outline(body), Gemini().read(body, model="m")
    except (Unmarkable, DialectError):
        return
    assert shape is not None
    for count in shape.counts:
        if count == len(shape.contents):
            continue
        made = read_cache(creation(body, shape, count, "models/m", 300))
        rest = Gemini().read(continuing(body, shape, count, NAME), model="m")
        assert rest.prompt.controls.resource == NAME
        both = (*made.prompt.segments, *rest.prompt.segments)
        assert [segment.canonical for segment in both] == [
            segment.canonical for segment in call.prompt.segments
        ]


@given(bodies(), bodies())
@settings(deadline=None)
def test_equal_digests_hold_equal_bytes(one: bytes, other: bytes) -> None:
    found = []
    for body in (one, other):
        try:
            shape = outline(body)
        except Unmarkable:
            return
        assert shape is not None
        for count, digest in digests(body, shape, shape.counts).items():
            found.append((digest, creation(body, shape, count, "models/m", 1)))
    by_digest = dict(found)
    assert all(by_digest[digest] == body for digest, body in found)
    assert len(by_digest) == len(set(by_digest.values()))


@pytest.mark.parametrize(
    "body",
    [
        b'{"contents":[{"parts":[{"text":"a"}]}],"cachedContent":"cachedContents/x"}',
        b'{"contents":[{"parts":[{"text":"a"}]}],"cached_content":"cachedContents/x"}',
        b'{"contents":[],"generationConfig":{"mediaResolution":"MEDIA_RESOLUTION_LOW"}}',
        b'{"contents":[],"generation_config":{"media_resolution":"MEDIA_RESOLUTION_LOW"}}',
        b'{"contents":null}',
        b'{"contents":"a"}',
        b"{}",
    ],
)
def test_requests_that_are_left_alone(body: bytes) -> None:
    assert outline(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"tools":[],"tools":[],"contents":[]}',
        b'{"toolConfig":{},"tool_config":{},"contents":[]}',
        b'{"contents":[1]}',
        b'{"contents":[{"role":1}]}',
        b"[]",
        b"{",
        b"[" * 100_000,
    ],
)
def test_doubtful_bodies(body: bytes) -> None:
    with pytest.raises(Unmarkable):
        outline(body)


def test_names_that_could_break_out() -> None:
    assert sound(NAME)
    assert sound("projects/p-1/locations/europe-west1/cachedContents/123")
    for name in ("", "cachedContents/", "x/cachedContents/a", 'cachedContents/a"', f"{NAME}/../b"):
        assert not sound(name)


def test_answers() -> None:
    shown = b'{"name":"%s","usageMetadata":{"totalTokenCount":7021},"x":1}' % NAME.encode()
    assert read_made(shown) == (NAME, 7021)
    for bad in (b"", b"{}", shown.replace(b"7021", b"0"), shown.replace(b"cachedC", b"../c")):
        with pytest.raises(ValueError, match=r"."):
            read_made(bad)
    assert json.loads(extension(600)) == {"ttl": "600s"}
