"""What changes in a text, by its looks and its placeholders."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.audit.lint.text import behind, hits


def found(text: str) -> list[tuple[str, str]]:
    return [(hit.code, text[hit.start : hit.end]) for hit in hits(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Today is 2026-11-23.", [("HS002", "2026-11-23")]),
        ("The policy of 2019-04-01 counts.", []),
        ("Now: 2026-11-23T10:00:01Z", [("HS001", "2026-11-23T10:00:01Z")]),
        ("Date: {current_date}", [("HS002", "{current_date}")]),
        ("Date: {{ today }} and {{ name }}", [("HS002", "{{ today }}")]),
        ("{% now 'utc' %} {% if x %}", [("HS001", "{% now 'utc' %}")]),
        ("Q: {question}", [("HS041", "{question}")]),
        ("GET /users/{user_id}/orders", []),
        ("Use ${session_id} here", [("HS007", "${session_id}")]),
        ("At {now:%H:%M} sharp", [("HS001", "{now:%H:%M}")]),
        ("{{#each docs}}{{/each}} {language}", []),
    ],
)
def test_spans_and_placeholders(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_secrets_are_not_quoted() -> None:
    secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
    text = f"Bearer {secret}, mail maria.rossi@acme.example, commit 3f9c1d2a77"
    shown = " ".join(hit.what for hit in hits(text))
    assert {hit.code for hit in hits(text)} == {"HS009", "HS010", "HS013"}
    assert not any(part in shown for part in (secret, "maria", "3f9c1d2a77"))


def test_what_stands_behind_counts_no_placeholders_and_no_space() -> None:
    assert behind("{a} bc  {{d}}\n e", 3) == 3


@given(st.text(alphabet="{}%$# now_today.:019-TZ\n", max_size=200))
def test_spans_are_in_order_and_never_overlap(text: str) -> None:
    spans = [(hit.start, hit.end) for hit in hits(text)]
    assert spans == sorted(spans)
    assert all(start < end <= len(text) for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
