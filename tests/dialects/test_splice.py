from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.dialects.hosted import Span, Unmarkable
from headstart.dialects.spans import elements, members, root
from headstart.dialects.splice import (
    Insert,
    after,
    cut,
    into_array,
    into_object,
    leaving_out,
    splice,
    wrap,
)
from tests.dialects import raw_json


@given(st.binary(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=5))))
def test_what_went_in_comes_out(body: bytes, drawn: list[tuple[int, bytes]]) -> None:
    inserts = [Insert(min(at, len(body)), data) for at, data in drawn]
    marked = splice(body, inserts)
    assert marked.original() == body
    assert marked.restores(body)
    assert not marked.restores(body + b"x")
    assert not body or not marked.restores(bytes([body[0] ^ 1]) + body[1:])
    assert not body or not marked.restores(body[:-1])
    assert len(marked.body) == len(body) + sum(len(insert.data) for insert in inserts)
    in_order = sorted(inserts, key=lambda insert: insert.at)
    assert [marked.body[a:b] for a, b in marked.spans] == [insert.data for insert in in_order]


@settings(max_examples=100, deadline=None)
@given(raw_json.fields({"a": raw_json.anything}))
def test_a_member_more(text: str) -> None:
    body = text.encode()
    marked = splice(body, [into_object(body, root(body), b'"new":[1.0]')])
    assert json.loads(marked.body) == {**json.loads(body), "new": [1.0]}
    assert marked.original() == body


@settings(max_examples=100, deadline=None)
@given(raw_json.array(raw_json.anything))
def test_an_element_more(text: str) -> None:
    body = text.encode()
    span = root(body)
    last = splice(body, [into_array(body, span, b'"new"')])
    assert json.loads(last.body) == [*json.loads(body), "new"]
    items = elements(body, span)
    everywhere = splice(body, [after(item, b'"new"') for item in items])
    doubled = [one for item in json.loads(body) for one in (item, "new")]
    assert json.loads(everywhere.body) == doubled
    assert last.original() == everywhere.original() == body


@given(raw_json.string(), raw_json.space)
def test_a_string_in_a_block(text: str, space: str) -> None:
    body = (space + text + space).encode()
    marked = splice(body, wrap(root(body), b'[{"text":', b"}]"))
    assert json.loads(marked.body) == [{"text": json.loads(body)}]
    assert text.encode() in marked.body
    assert marked.original() == body


@settings(max_examples=100, deadline=None)
@given(raw_json.array(raw_json.anything), st.sets(st.integers(0, 2)))
def test_elements_less(text: str, dropped: set[int]) -> None:
    body = text.encode()
    items = elements(body, root(body))
    dropped = {index for index in dropped if index < len(items)}
    left = cut(body, leaving_out(items, dropped))
    kept = [item for index, item in enumerate(json.loads(body)) if index not in dropped]
    assert json.loads(left) == kept
    assert dropped or left == body


@settings(max_examples=100, deadline=None)
@given(
    raw_json.fields({"a": raw_json.anything, "b": raw_json.anything}), st.sets(st.integers(0, 3))
)
def test_members_less(text: str, dropped: set[int]) -> None:
    body = text.encode()
    found = members(body, root(body))
    dropped = {index for index in dropped if index < len(found)}
    left = cut(body, leaving_out([member.whole for member in found.values()], dropped))
    kept = [item for index, item in enumerate(json.loads(body).items()) if index not in dropped]
    assert list(json.loads(left).items()) == kept


def test_cuts_must_not_overlap() -> None:
    with pytest.raises(Unmarkable):
        cut(b"abcd", [Span(0, 2), Span(1, 3)])


@pytest.mark.parametrize("body", [b"1", b"[]", b'"{}"', b"{", b"}", b""])
def test_a_member_needs_an_object(body: bytes) -> None:
    with pytest.raises(Unmarkable):
        into_object(body, root(body), b'"a":1')
