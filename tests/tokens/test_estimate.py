from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.tokens import ERROR, estimate
from headstart.tokens.vocabulary import encoder

DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data" / "tau-airline"


@given(st.text(st.characters()))
def test_any_text_has_an_estimate(text: str) -> None:
    tokens = estimate(text)
    assert (tokens == 0) == (text == "")
    assert tokens <= max(1, 4 * len(text))


@given(st.text(), st.text())
def test_more_text_is_never_far_fewer_tokens(head: str, tail: str) -> None:
    joined = estimate(head + tail)
    assert joined >= 0.9 * max(estimate(head), estimate(tail)) - 4


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The quick brown fox jumps over the lazy dog.", 10),
        ('{"city":"Seattle","passengers":[{"first_name":"Ana"}]}', 15),
        ("你好，世界。今天天气很好。", 9),
        ("1234567890" * 10, 34),
        ("🎉🎂", 4),
    ],
)
def test_short_texts_against_o200k(text: str, tokens: int) -> None:
    assert estimate(text) == pytest.approx(tokens, rel=0.5)


def test_whole_conversations_against_a_vocabulary() -> None:
    count = encoder("o200k_base")
    if count is None:
        pytest.skip("splintr-rs is not installed")
    path = DATA / "conversations.jsonl.gz"
    if not path.exists():
        pytest.skip(f"no {path}")
    with gzip.open(path, "rt") as lines:
        talks = [json.loads(line)["messages"] for line, _ in zip(lines, range(20), strict=False)]
    texts = [json.dumps(message) for talk in talks for message in talk]
    counts = [count(text) for text in texts]
    total = sum(map(estimate, texts))
    assert abs(total / sum(counts) - 1) < ERROR
    errors = [
        abs(estimate(text) / n - 1) for text, n in zip(texts, counts, strict=True) if n >= 100
    ]
    assert sum(errors) / len(errors) < 1.5 * ERROR


def test_the_time_is_linear() -> None:
    """A pattern that backtracks would not come back from these."""
    for text in ("a" * 100_000, "A" * 100_000, " " * 100_000, "\n" * 100_000, "?" * 100_000):
        assert estimate(text) > 0
