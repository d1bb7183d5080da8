from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from headstart.prompt import Volatile, spans
from headstart.prompt.volatile_patterns import PATTERNS

_PIECES = st.sampled_from(
    (
        "2026-01-05",
        "14:03:07",
        "T",
        "Z",
        " ",
        "user_id: ",
        "bob_7",
        "@x.io",
        "req_",
        "a1B2c3D4",
        "request #12",
        "550e8400-e29b-41d4-a716-446655440000",
        "/tmp/",
        "eyJ",
        ".",
        "now",
        "=",
        "1767621780",
        "The current time is ",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "deadbeefdeadbee0",
        "\n",
        "'",
        "Mon Jan 5 2026",
        "of 9",
        "localhost:",
        "54321",
        "日本",
    )
)
_TEXTS = st.lists(_PIECES, max_size=12).map("".join) | st.text(max_size=60)


def naive(text: str) -> tuple[Volatile, ...]:
    """Every pattern on every text, every pair of spans compared."""
    found: list[Volatile] = []
    for pattern in PATTERNS:
        for match in pattern.regex.finditer(text):
            start, end = match.span(pattern.group)
            free = all(end <= other.start or other.end <= start for other in found)
            if free and pattern.holds(text, start, end):
                found.append(Volatile(pattern.kind, start, end))
    return tuple(sorted(found, key=lambda span: span.start))


@given(_TEXTS)
def test_spans_are_what_a_naive_search_finds(text: str) -> None:
    assert spans(text) == naive(text)


@given(_TEXTS)
def test_spans_are_in_order_and_apart(text: str) -> None:
    ends = [place for span in spans(text) for place in (span.start, span.end)]
    assert ends == sorted(ends)
    assert all(0 <= span.start < span.end <= len(text) for span in spans(text))


HOSTILE = """
from headstart.prompt import spans
size = 1_000_000
for piece in ["0", " ", "a@", "eyJaaaaaaaaaa.", "time' ' ", "12:12 ", "turn 1 of ", "/tmp/a"]:
    spans((piece * (size // len(piece))) [:size // 2] + "!" + piece * (size // len(piece) // 2))
print("done")
"""


def test_a_megabyte_of_anything_is_searched_in_linear_time() -> None:
    # A search in quadratic time would take hours: 10**12 steps a piece.
    ran = subprocess.run(
        [sys.executable, "-c", HOSTILE], capture_output=True, text=True, timeout=200, check=True
    )
    assert ran.stdout == "done\n"
