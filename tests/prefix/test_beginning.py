from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.prefix.beginning import equal_beginning


def naive(one: list[int], other: list[int]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)), st.lists(st.integers(0, 1)))
def test_it_is_what_counting_gives(start: list[int], a: list[int], b: list[int]) -> None:
    one, other = start + a, start + b
    assert equal_beginning(one, other) == naive(one, other)
    assert equal_beginning(tuple(one), tuple(other)) == naive(one, other)
    assert equal_beginning("".join(map(str, one)), "".join(map(str, other))) == naive(one, other)
    assert equal_beginning(bytes(one), bytes(other)) == naive(one, other)
