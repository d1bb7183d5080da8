from __future__ import annotations

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headstart.prompt.diff_shape import Alignment, aligned

_LISTS = st.lists(st.integers(0, 99), min_size=1, max_size=12, unique=True)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ("abc", "xbc", ("edit", 1, True)),
        ("abc", "xbcde", ("edit", 1, True)),
        ("abc", "xyc", ("edit", 1, False)),
        ("abc", "xabc", ("insertion", 1, True)),
        ("abc", "xyabcd", ("insertion", 2, True)),
        ("abc", "bc", ("deletion", 1, True)),
        ("abcd", "bcde", ("deletion", 1, True)),
        ("abc", "bac", ("reorder", 2, True)),
        ("abcd", "badc", ("reorder", 4, True)),
        ("abQ", "baR", ("reorder", 2, False)),
        ("aab", "aba", ("reorder", 2, True)),
        ("aabx", "abxy", ("deletion", 1, True)),
    ],
)
def test_shapes(x: str, y: str, expected: tuple[object, ...]) -> None:
    at = next(i for i in range(len(x)) if x[i] != y[i])
    assert aligned(x, y, at) == expected


@given(_LISTS, st.data())
def test_what_was_inserted_is_found(items: list[int], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(items) - 1))
    new = data.draw(st.lists(st.integers(100, 199), min_size=1, max_size=4))
    longer = [*items[:at], *new, *items[at:]]
    assert aligned(items, longer, at) == Alignment("insertion", len(new), True)
    assert aligned(longer, items, at) == Alignment("deletion", len(new), True)


@given(_LISTS, st.randoms(), st.booleans())
def test_an_order_is_found_up_to_its_last_change(
    items: list[int], rng: random.Random, goes_on: bool
) -> None:
    other = rng.sample(items, len(items))
    assume(other != items)
    places = [i for i in range(len(items)) if items[i] != other[i]]
    length = places[-1] + 1 - places[0]
    x, y = ([*items, 100], [*other, 101]) if goes_on else (items, other)
    rejoins = not goes_on
    assert aligned(x, y, places[0]) == Alignment("reorder", length, rejoins)
