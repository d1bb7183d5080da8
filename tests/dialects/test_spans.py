"""Spans against a naive twin that parses with the standard library."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects.hosted import Span, Unmarkable
from headstart.dialects.spans import elements, find, kind, members, picked, root
from tests.dialects import raw_json

_SPACES = " \t\n\r"
_SCAN = json.JSONDecoder()


class _TwiceError(Exception):
    """A key that stands twice."""


def _naive(
    text: str, at: int
) -> tuple[dict[str, tuple[int, int, int]] | list[tuple[int, int]], int]:
    """Members or elements of the container at ``at``, in characters, and its end."""
    found: dict[str, tuple[int, int, int]] | list[tuple[int, int]] = {} if text[at] == "{" else []
    at = _past(text, at + 1)
    while text[at] not in "]}":
        start = at
        if isinstance(found, dict):
            key, at = _SCAN.raw_decode(text, at)
            value = _past(text, _past(text, at) + 1)
            _, at = _SCAN.raw_decode(text, value)
            if key in found:
                raise _TwiceError
            found[key] = (start, value, at)
        else:
            _, at = _SCAN.raw_decode(text, at)
            found.append((start, at))
        at = _past(text, at)
        at = _past(text, at + 1) if text[at] == "," else at
    return found, at + 1


def _past(text: str, at: int) -> int:
    while text[at] in _SPACES:
        at += 1
    return at


@settings(max_examples=150, deadline=None)
@given(
    raw_json.space,
    raw_json.an_object(raw_json.anything) | raw_json.array(raw_json.anything),
    raw_json.space,
)
def test_containers_against_the_twin(before: str, text: str, behind: str) -> None:
    whole = before + text + behind
    body = whole.encode()

    def at(place: int) -> int:
        return len(whole[:place].encode())

    span = root(body)
    assert body[span.start : span.end].decode() == text
    try:
        expected, _ = _naive(whole, len(before))
    except _TwiceError:
        with pytest.raises(Unmarkable, match="twice"):
            members(body, span)
        return
    if isinstance(expected, dict):
        found = members(body, span)
        assert {key: tuple(map(at, places)) for key, places in expected.items()} == found
        assert list(found) == list(expected)
    else:
        assert elements(body, span) == [tuple(map(at, places)) for places in expected]


@settings(max_examples=100, deadline=None)
@given(raw_json.array(raw_json.anything) | raw_json.array(raw_json.scalar, least=3), st.data())
def test_picked_elements_are_those_of_the_whole_list(text: str, data: st.DataObject) -> None:
    body = text.encode()
    items = elements(body, root(body))
    places = st.lists(st.integers(0, len(items) - 1), max_size=3) if items else st.just([])
    indices = data.draw(places)
    assert picked(body, root(body), indices) == [items[index] for index in indices]
    for beyond in (-1, len(items)):
        with pytest.raises(Unmarkable, match=f"{len(items)} elements"):
            picked(body, root(body), [beyond])


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"null", b"[]", b"1", b'"a"', b"{", b"{}}", b'{"a":1,}', b'{"a":1} x',
        b"\xef\xbb\xbf{}", '{"a":1}'.encode("utf-16"), b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}', b'{"\\ud800":1}', b'{"a":"\n"}', b'{"a":NaN}', b'{"a":01}',
        b"{'a':1}", b'{"a":1}\x00', b'{"a":1,"a":1}', b'{"a":1,"a":12}', b'{"a":12,"a":1}',
        b'{"a":12,"b":3,"a":1}', b'{"a":1,"\\u0061":1}', b'{"a":1,"b":2,"\\u0062":2}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)  # fmt: skip
def test_what_is_no_certain_object(body: bytes) -> None:
    with pytest.raises(Unmarkable):
        members(body, root(body))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40) | st.text('{}[]",:\\ u0a1.-e', max_size=40).map(str.encode))
def test_any_bytes(body: bytes) -> None:
    for container in (members, elements):
        try:
            container(body, root(body))
        except Unmarkable:
            continue
        assert isinstance(json.loads(body), dict if container is members else list)


def test_a_path_of_keys_and_indices() -> None:
    body = b' {"a" : [1, {"b": "x"} ] , "c": null} '
    assert find(body, "a", 1, "b") == Span(18, 21)
    assert kind(body, Span(18, 21)) == '"'
    assert find(body) == root(body)
    assert find(body, "d") is None
    assert find(body, "a", 2) is None
    with pytest.raises(Unmarkable):
        find(body, "c", 0)
