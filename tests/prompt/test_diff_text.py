from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.prompt.diff_text import pointed


def test_carets_stand_under_what_differs() -> None:
    assert pointed("-", "at 15:00:00", 9, 11) == ("- at 15:00:00", "           ^^")


def test_an_empty_range_points_at_a_place() -> None:
    assert pointed("+", "ab", 1, 1) == ("+ ab", "   ^")
    assert pointed("+", "", 0, 0) == ("+ ", "  ^")


def test_spaces_that_differ_can_be_seen() -> None:
    assert pointed("-", "a  b", 1, 3) == ("- a··b", "   ^^")


def test_wide_characters_take_two_columns() -> None:
    assert pointed("-", "日本x", 2, 3) == ("- 日本x", "      ^")


def test_a_terminal_is_not_controlled() -> None:
    assert pointed("-", "\x1b[2J\n\u202ex\u0301", 0, 1)[0] == "- \\x1b[2J\\n\\u202ex\\u0301"


@given(st.text(max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_one_line_each_and_at_least_one_caret(text: str, one: int, two: int) -> None:
    start, end = sorted((min(one, len(text)), min(two, len(text))))
    lines = pointed("+", text, start, end)
    assert all(line.isprintable() for line in lines)
    assert lines[1].strip("^ ") == ""
    assert "^" in lines[1]
