from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headstart.audit.findings import Spot
from headstart.cli.audit.spots import side
from headstart.prompt.diff_text import columns

WIDTH = 76


@given(st.text(max_size=60), st.text(max_size=200), st.text(max_size=60), st.booleans())
def test_a_side_fits_and_its_carets_stand_under_the_difference(
    before: str, inside: str, after: str, later: bool
) -> None:
    start, end = len(before), len(before) + len(inside)
    offset = start + (100 if later else 0)
    spot = Spot("log.jsonl", 1, 0, offset, before + inside + after, start, end)
    found = side(spot, "+", WIDTH)
    assert max(columns(found.text), len(found.carets)) <= WIDTH
    assert found.text.isprintable()
    assert found.text.startswith("+ ")
    assert set(found.carets.strip()) <= {"^"}
    if inside.isascii() and inside.isalnum() and len(inside) < 20 and before.isascii():
        at = found.carets.index("^")
        assert found.text[at : at + len(inside)] == inside
        assert found.carets.count("^") == len(inside)
