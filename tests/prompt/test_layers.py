from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.prompt import Kind, normalised
from headstart.prompt.layers import block_segment, copied, tool_segment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\n", "a\nb\nc"),
        ("a  \t\nb", "a\nb"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("a\n \n\t\n \nb", "a\n\nb"),
        ("\n  a\n    b\n", "a\n    b"),
        (" \n ", ""),
    ],
)
def test_whitespace_is_written_one_way(text: str, expected: str) -> None:
    assert normalised(text) == expected


@given(st.text(st.sampled_from("ab \t\r\n\u00a0")))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once
    assert once.split() == text.split()


def test_a_megabyte_of_spaces_is_normalised_in_linear_time() -> None:
    assert normalised("a" + " " * 1_000_000 + "b") == "a" + " " * 1_000_000 + "b"


def test_a_tool_is_written_with_its_keys_in_order() -> None:
    segment = tool_segment(
        {"name": "f", "input_schema": {"type": "object", "b": [{"d": 1, "c": 2}]}}, 3
    )
    assert segment.canonical == b'{"input_schema":{"b":[{"c":2,"d":1}],"type":"object"},"name":"f"}'
    assert (segment.kind, segment.role, segment.message, segment.part) == (
        Kind.TOOL,
        "tools",
        -1,
        3,
    )
    assert json.loads(segment.canonical) == segment.content


@pytest.mark.parametrize(
    ("block", "text", "markable"),
    [
        ({"type": "text", "text": "hi"}, "hi", True),
        ({"type": "text", "text": ""}, "", False),
        ({"type": "thinking", "thinking": "hm", "signature": "s"}, "hm", False),
        (
            {"type": "tool_result", "content": [{"type": "text", "text": "4"}, {"a": 1}]},
            '4{"a":1}',
            True,
        ),
        (
            {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
            '{"name":"f","input":{}}',
            True,
        ),
        ({"type": "tool_result", "tool_use_id": "c1", "content": "42"}, "42", True),
        ({"type": "image", "source": {}}, '{"type":"image","source":{}}', True),
    ],
)
def test_a_block(block: dict[str, Any], text: str, markable: bool) -> None:
    segment = block_segment("user", 2, 1, block)
    assert (segment.text, segment.markable, segment.type) == (text, markable, block["type"])
    assert json.loads(segment.canonical) == segment.content == block
    assert segment.content is not block


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ({"type": "text", "text": "x", "cache_control": {}}, "cache_control"),
        ({"text": "x"}, "type"),
        ({"type": "text", "text": {1, 2}}, "set"),
        ({"type": "x", "data": float("nan")}, "JSON compliant"),
        ({"type": "text", "text": "\ud800"}, "surrogates"),
        ({"type": "x", 1: 2}, "strings"),
    ],
)
def test_a_block_that_cannot_be_sent(block: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        block_segment("user", 0, 0, block)


def test_a_copy_keeps_the_order_unless_told_otherwise() -> None:
    assert list(copied({"b": 1, "a": 2}, in_order=False)) == ["b", "a"]
    assert list(copied({"b": 1, "a": 2}, in_order=True)) == ["a", "b"]


def test_a_value_that_contains_itself_is_refused() -> None:
    schema: dict[str, Any] = {}
    schema["items"] = [schema]
    with pytest.raises(ValueError, match="nested deeper"):
        tool_segment({"name": "f", "input_schema": schema}, 0)
