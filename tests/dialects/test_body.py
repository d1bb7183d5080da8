from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.dialects.base import DialectError
from headstart.dialects.body import MAX_DEPTH, Fields, MalformedBody, Path, Problem, decode


def _complain(path: Path, problem: Problem, text: str) -> DialectError:
    where = "/".join(str(step) for step in path)
    return DialectError(400, "invalid_request_error", f"{where} {problem}: {text}")


def _fields(**data: object) -> Fields:
    return Fields(data, (), _complain)


_HOSTILE = {
    "empty": b"",
    "truncated": b'{"a": "b',
    "trailing": b"{} {}",
    "array": b"[1]",
    "null": b"null",
    "string": b'"x"',
    "nan": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "float out of range": b'{"a": 1e999}',
    "integer of 30 digits": b'{"a": ' + b"1" * 30 + b"}",
    "integer of 5,000 digits": b'{"a": [' + b"1" * 5_000 + b"]}",
    "integer just too small": b'{"a": -9223372036854775809}',
    "lone high surrogate": rb'{"a": "x \ud800 y and more"}',
    "lone low surrogate": rb'{"a": "x \udc00 y and more"}',
    "lone surrogate at the end": rb'{"a": "\ud800"}',
    "lone surrogate in a key": rb'{"\ud800": "and more text"}',
    "encoded surrogate": b'{"a": "\xed\xa0\x80"}',
    "not UTF-8": b'{"a": "\xff"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "control character": b'{"a": "\n"}',
    "duplicate key": b'{"a": 1, "a": 1}',
    "duplicate key, spaced": b'{"a": 1, "b": {"c": 2, "c" : 3}}',
    "duplicate key, escaped": rb'{"a": 1, "\u0061": 1}',
    "deep arrays": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a little too deep": b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    "open arrays": b"[" * 100_000,
}


@pytest.mark.parametrize("body", _HOSTILE.values(), ids=_HOSTILE.keys())
def test_hostile_bodies_are_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"a": "\ud83d\ude00 \u0000 \" \\\": \\"}',
        b'{"a": "b\\": c", "d\\\\": 1, "e:": [{"a": 1}, {"a": 2}]}',
        b' {"a"\t:\n[1.5, -9223372036854775808, 18446744073709551615]} ',
        b'{"a": ' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}",
        b"{}",
    ],
)
def test_odd_but_valid_bodies_are_read(body: bytes) -> None:
    assert decode(body) == json.loads(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text(), _JSON, max_size=5), st.booleans(), st.sampled_from([None, 2]))
def test_any_object_is_read_as_it_is(value: dict, ascii_only: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert decode(body.encode()) == value


@given(st.text(), st.dictionaries(st.text(), st.text(), min_size=1, max_size=4), st.booleans())
def test_a_repeated_key_is_found_wherever_it_stands(
    value: str, rest: dict[str, str], spaced: bool
) -> None:
    members = [f"{json.dumps(key)}{' ' * spaced}: {json.dumps(item)}" for key, item in rest.items()]
    body = "{" + ", ".join([*members, f"{json.dumps(next(iter(rest)))}: {json.dumps(value)}"]) + "}"
    with pytest.raises(MalformedBody, match="same key twice"):
        decode(b'{"a": [' + body.encode() + b"]}")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (str, 1),
        (bool, 1),
        (bool, "true"),
        (int, True),
        (int, 1.5),
        (int, "1"),
        (float, True),
        (float, "1"),
        (list, {}),
        (dict, []),
    ],
)
def test_wrong_types_are_named_by_path(kind: type, value: object) -> None:
    with pytest.raises(DialectError, match=re.escape("a type: Input should be a valid")):
        _fields(a=value).required("a", kind)
    with pytest.raises(DialectError, match="a type"):
        _fields(a=value).optional("a", kind)


def test_absent_and_null() -> None:
    with pytest.raises(DialectError, match="a missing: Field required"):
        _fields().required("a", str)
    with pytest.raises(DialectError, match="a type"):
        _fields(a=None).required("a", str)
    assert _fields(a=None).optional("a", str) is None
    assert _fields().children("a") == []
    assert _fields().strings("a") == ()


def test_numbers() -> None:
    assert _fields(a=5.0).integer("a", 0) == 5
    assert _fields(a=1).number("a", 0, 1, default=0.5) == 1.0
    assert _fields().number("a", 0, 1, default=0.5) == 0.5
    for value in (-0.1, 1.1):
        with pytest.raises(DialectError, match="a value: Input should be"):
            _fields(a=value).number("a", 0, 1, default=0.5)
    with pytest.raises(DialectError, match="greater than or equal to 0"):
        _fields(a=-1).integer("a", 0)
    with pytest.raises(DialectError, match="less than or equal to"):
        _fields(a=2**63).integer("a", 0)


def test_lists_name_the_item_at_fault() -> None:
    with pytest.raises(DialectError, match="a/1 type"):
        _fields(a=["x", 1]).strings("a")
    with pytest.raises(DialectError, match="a/0 value"):
        _fields(a=[""]).strings("a")
    with pytest.raises(DialectError, match="at most 1 items, not 2"):
        _fields(a=["x", "y"]).strings("a", most=1)
    with pytest.raises(DialectError, match="a/0 type"):
        _fields(a=["x"]).children("a")


@pytest.mark.parametrize("salt", ["", "s" * 1025, 7])
def test_a_salt_has_1_to_1024_characters(salt: object) -> None:
    with pytest.raises(DialectError, match="cache_salt"):
        _fields(cache_salt=salt).salt()
    assert _fields(cache_salt="s" * 1024).salt() == "s" * 1024


class Pairs(list[tuple[str, object]]):
    """An object whose keys may repeat."""


_STRINGS = st.lists(
    st.sampled_from(['"', ":", "\\", " ", "\n", "a", '":', '\\":', '": ', "é"]), max_size=6
).map("".join)


@given(
    st.recursive(
        _STRINGS | st.none() | st.integers(0, 9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(st.tuples(_STRINGS, inner), max_size=4).map(Pairs)
        ),
        max_leaves=12,
    ),
    st.sampled_from(["", " ", "\n\t"]),
    st.booleans(),
)
def test_repeated_keys_are_found_whatever_strings_hold(
    value: object, space: str, ascii_only: bool
) -> None:
    body = "{" + space + '"v"' + space + ":" + _dumped(value, space, ascii_only) + "}"
    if _repeats(value):
        with pytest.raises(MalformedBody, match="twice"):
            decode(body.encode())
    else:
        assert decode(body.encode()) == json.loads(body)


def _repeats(value: object) -> bool:
    if isinstance(value, Pairs):
        keys = [key for key, _ in value]
        return len(set(keys)) < len(keys) or any(_repeats(inner) for _, inner in value)
    return isinstance(value, list) and any(map(_repeats, value))


def _dumped(value: object, space: str, ascii_only: bool) -> str:
    if isinstance(value, Pairs):
        members = (
            json.dumps(key, ensure_ascii=ascii_only)
            + space
            + ":"
            + space
            + _dumped(inner, space, ascii_only)
            for key, inner in value
        )
        return "{" + ("," + space).join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_dumped(inner, space, ascii_only) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)
