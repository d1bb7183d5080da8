from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.audit.importers import rows as module
from headstart.audit.importers.rows import Foreign, Line, rows

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, min_size=1, max_size=3), max_size=6)


def cut(data: bytes, at: list[int]) -> Iterator[bytes]:
    """In pieces, wherever they end."""
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return iter([data[a:b] for a, b in itertools.pairwise(places)])


def read(data: bytes, at: list[int] | None = None) -> list[Line]:
    return list(rows(cut(data, at or [])))


@given(OBJECTS, st.lists(st.integers(0, 10_000)), st.sampled_from([None, 1]), st.booleans())
def test_items_of_an_array(
    items: list[dict[str, object]], at: list[int], indent: int | None, ascii: bool
) -> None:
    data = json.dumps(items, indent=indent, ensure_ascii=ascii).encode("utf-8", "replace")
    found = read(data, at)
    assert [line.number for line in found] == list(range(1, len(items) + 1))
    assert [json.loads(line.data or b"") for line in found] == json.loads(data)


@given(OBJECTS, st.lists(st.integers(0, 10_000)), st.sampled_from([b"\n", b"\r\n", b"\n\n"]))
def test_lines(items: list[dict[str, object]], at: list[int], end: bytes) -> None:
    data = end.join(json.dumps(item).encode() for item in items)
    found = read(data, at)
    assert [json.loads(line.data or b"") for line in found] == items
    step = end.count(b"\n")
    assert [line.number for line in found] == [1 + step * n for n in range(len(items))]


@given(OBJECTS.filter(bool), st.integers(0, 200))
def test_an_array_that_ends_early_gives_the_items_before(
    items: list[dict[str, object]], cut_at: int
) -> None:
    data = json.dumps(items, indent=1).encode()
    found = read(data[: len(data) - 1 - cut_at % len(data)])
    whole = [json.loads(line.data) for line in found if line.data and _sound(line.data)]
    assert whole == items[: len(whole)]


def _sound(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False


def test_a_document_is_one_row() -> None:
    value = {"log": {"entries": [{"a": 1}, {}]}}
    [line] = read(json.dumps(value, indent=2).encode())
    assert line.number == 0
    assert json.loads(line.data or b"") == value
    assert [found.number for found in read(json.dumps(value).encode())] == [1]


def test_a_broken_first_line_does_not_make_it_a_document() -> None:
    found = read(b'{"a": tru\n{"b": 1}\n\n{"c": 2}\n')
    assert [line.number for line in found] == [1, 2, 4]


def test_a_byte_order_mark_is_no_part_of_it() -> None:
    assert read(b'\xef\xbb\xbf{"a": 1}\n') == [Line(1, b'{"a": 1}')]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ('{"a": 1}\n'.encode("utf-16"), "UTF-16"),
        (b"\x7fELF\0\0\0\1", "binary"),
        (b'{"a": 1}\n\0\0', "binary"),
    ],
)
def test_what_is_no_json_says_what_it_is(data: bytes, says: str) -> None:
    with pytest.raises(Foreign, match=says):
        read(data)


@pytest.mark.parametrize("shape", ["lines", "items"])
def test_a_row_that_is_too_long_is_skipped(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    monkeypatch.setattr(module, "_LOOKED_AT", 30)
    items = [{"a": 1}, {"b": "x" * 1000}, {"c": 3}]
    texts = [json.dumps(item) for item in items]
    data = "\n".join(texts) if shape == "lines" else "[" + ",\n".join(texts) + "]"
    found = read(data.encode(), list(range(0, 2000, 50)))
    assert [line.data is None for line in found] == [False, True, False]
    assert json.loads(found[2].data or b"") == {"c": 3}


def test_nothing_gives_nothing() -> None:
    assert read(b"") == read(b" \n\n\t") == read(b"[]") == []
