"""Places in files and in JSON strings, against the slow way."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from headstart.audit.lint.position import Lines, literal_bytes

TEXTS = st.text(
    alphabet=st.characters(exclude_categories=("Cs",)) | st.sampled_from('"\\\n\t/é€😀'),
    min_size=1,
    max_size=30,
)


@given(TEXTS, st.booleans(), st.data())
def test_characters_of_a_json_string(text: str, ascii_only: bool, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    literal = json.dumps(text, ensure_ascii=ascii_only).encode()
    first, last = literal_bytes(literal, start, end)
    assert json.loads(b'"' + literal[first:last] + b'"') == text[start:end]


@given(st.text(alphabet="ab\n\ré", max_size=40), st.data())
def test_lines_and_columns(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    before = text[:at].replace("\r\n", "\n").replace("\r", "\n")
    cut = text[max(at - 1, 0) : at + 1] == "\r\n"
    place = Lines(text.encode()).place(len(text[:at].encode()), len(text[:at].encode()))
    if not cut:
        assert place.line == before.count("\n") + 1
        assert place.column == len(before.rpartition("\n")[2]) + 1
