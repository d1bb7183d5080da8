from __future__ import annotations

import random
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headstart.prompt import VolatileKind, kind_of_difference
from headstart.prompt.volatile_compare import changed

_TEXTS = st.text(st.sampled_from('ab é1,.\n{}[]":'), max_size=30)


def kind(a: str, b: str) -> VolatileKind | None:
    difference = kind_of_difference(a, b)
    assert difference is not None
    return difference.kind


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("x\r\ny\r\n", "x\ny\n", "line_endings"),
        ("a  b\n\n", "a b", "whitespace"),
        ("Be Brief", "be brief", "case"),
        ("1,000.50 and 1e3", "1000.5 and 1000", "number_format"),
        ("- a\n- b\n- c\n", "- c\n- a\n- b\n", "example_order"),
        ("1. red\n2. blue", "1. blue\n2. red", "example_order"),
        ("Paris, London, Rome", "Rome, Paris, London", "example_order"),
        ('see {"a":1,"b":2}.', 'see {"b":2,"a":1}.', "key_order"),
        ("hello world", "hello there", None),
        ("version 2.1, v2.10", "version 2.1, v2.1", None),
        ("the list 1,2", "the list 12", None),
    ],
)
def test_the_kind_of_a_difference(a: str, b: str, expected: str | None) -> None:
    assert kind(a, b) == expected
    assert kind(b, a) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected", "one", "two"),
    [
        ("now 2024-05-15 15:00:00 UTC, x", "now 2024-05-15 15:00:07 UTC, x", "timestamp", 23, 23),
        ("turn 5 of 9", "turn 51 of 9", "counter", 11, 12),
        ("user_id: mia_li x", "user_id: bob_li x", "user", 6, 6),
        ("Today is 2026-01-05", "Today is 2026-01-05 14:03", "timestamp", 10, 16),
        ("Hi. 2026-01-05", "Hi.", "date", 10, 0),
    ],
)
def test_a_span_that_differs(a: str, b: str, expected: str, one: int, two: int) -> None:
    found = kind_of_difference(a, b)
    assert found is not None
    sizes = found.end_a - found.start_a, found.end_b - found.start_b
    assert (found.kind, *sizes) == (expected, one, two)


def test_an_edit_beside_a_span_is_an_edit() -> None:
    assert kind("on 2026-01-05 we met", "in 2026-01-05 we met") is None
    assert kind("on 2026-01-05 we met", "on Friday we met") is None


@given(_TEXTS, _TEXTS)
def test_what_changed_is_what_a_naive_search_finds(a: str, b: str) -> None:
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    tail = 0
    while tail < min(len(a), len(b)) - start and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    assert changed(a, b) == (start, len(a) - tail, start, len(b) - tail)


@given(_TEXTS, _TEXTS)
def test_a_difference_lies_around_the_first_character_that_differs(a: str, b: str) -> None:
    found = kind_of_difference(a, b)
    if found is None:
        assert a == b
        return
    at = changed(a, b)[0]
    assert 0 <= found.start_a <= found.end_a <= len(a)
    assert 0 <= found.start_b <= found.end_b <= len(b)
    assert min(found.start_a, found.start_b) <= at <= max(found.end_a, found.end_b)


@given(st.lists(st.text(st.characters(categories=["Ll"]), min_size=1), min_size=2), st.randoms())
def test_lines_in_another_order(lines: list[str], rng: random.Random) -> None:
    shuffled = rng.sample(lines, len(lines))
    assume("".join(shuffled) != "".join(lines))
    assert kind("\n".join(lines), "\n".join(shuffled)) == VolatileKind.EXAMPLE_ORDER


@given(st.text(st.sampled_from("éüñ가a"), min_size=1), st.sampled_from(["NFD", "NFKD"]))
def test_unicode_forms(text: str, form: str) -> None:
    other = unicodedata.normalize(form, text)  # type: ignore[arg-type]
    assume(other != text)
    assert kind(text, other) == VolatileKind.UNICODE_FORM


HOSTILE = """
from headstart.prompt import kind_of_difference
n = 250_000
for a, b in [
    ("\\u0316\\u0300" * n, "\\u0300\\u0316" * n),
    ("[" * n + "1", "[" * n + "2"),
    ('{"a":' * n + "1", '{"a":' * n + "2"),
    ("1" * n, "1" * n + "2"),
    ("1," * n, "1," * n + "3"),
    ("[] " * n + "1", "[] " * n + "2"),
    ("[1e999999999," * 9 + "1" * n, "[1e999999999," * 9 + "2" * n),
    ("a" * n + "b" * n, "a" * n + "c" + "b" * n),
]:
    assert kind_of_difference(a, b).kind is None
print("done")
"""


def test_hostile_texts_are_compared_in_bounded_time() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", HOSTILE], capture_output=True, text=True, timeout=120, check=True
    )
    assert ran.stdout == "done\n"
