from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.prompt import Kind, Segment
from headstart.prompt.contents import LONG, content_of
from headstart.prompt.parts import EDGE


def segment(canonical: bytes, role: str = "user") -> Segment:
    return Segment(Kind.MESSAGE, role, 0, 0, "", None, None, canonical=canonical)


def test_a_short_segment_stands_for_itself() -> None:
    content = content_of(segment(b"{}"))
    assert content.key == content.whole == b"user\0{}"
    assert content.digest is None


def test_a_long_one_keeps_its_ends() -> None:
    canonical = bytes(range(1, 256)) * 20
    content = content_of(segment(canonical))
    assert content.key.startswith(b"user\0" + canonical[:EDGE])
    assert content.key.endswith(canonical[-EDGE:])
    assert len(content.key) < LONG
    assert content.whole == b"user\0" + canonical


@given(st.integers(LONG - 2, 2 * LONG), st.integers(0, LONG), st.sampled_from(["user", "tool"]))
def test_a_change_anywhere_changes_what_stands_for_it(size: int, at: int, role: str) -> None:
    one = b"x" * size
    other = one[:at] + b"y" + one[at + 1 :]
    assert content_of(segment(one)).key != content_of(segment(other)).key
    assert (content_of(segment(one)).key == content_of(segment(one, role)).key) == (role == "user")
