from __future__ import annotations

from headstart.prompt.parts import EDGE, LEAST, NO_PARTS, parts_of

TOOLS = [b"a" * 100, b"b" * 100]


def test_a_prompt_without_parts_has_none() -> None:
    assert parts_of([], [], b"") == NO_PARTS


def test_tools_in_another_order_are_the_same_set() -> None:
    one, other = parts_of(TOOLS, [], b""), parts_of(TOOLS[::-1], [], b"")
    assert one.tools != other.tools
    assert one.tool_set == other.tool_set


def test_a_change_in_the_middle_keeps_head_and_tail() -> None:
    one, other = (parts_of([], [b"h" * EDGE, middle, b"t" * EDGE], b"") for middle in (b"1", b"2"))
    assert one.system != other.system
    assert (one.head, one.tail) == (other.head, other.tail)
    assert one.head != one.tail


def test_what_is_short_is_not_told_apart() -> None:
    assert parts_of([], [b"x" * (LEAST - 1)], b"y" * (LEAST - 1)) == NO_PARTS
    assert parts_of([], [], b"y" * LEAST).message


def test_the_same_bytes_in_another_part_are_another_part() -> None:
    same = b"z" * 2 * EDGE
    parts = parts_of([same], [same], same)
    assert len(set(parts) - {b""}) == 6
