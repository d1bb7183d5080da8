from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from headstart.engine.text import TextStream

LOST = "\ufffd"


@pytest.fixture(scope="module")
def tokenizer(builtin_folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(builtin_folder)


def told(tokenizer: Any, ids: list[int], stop: list[str]) -> tuple[list[str], str | None]:
    """All that is sent, piece by piece, until a stop sequence is met."""
    stream = TextStream(tokenizer, stop)
    pieces = []
    for token in ids:
        pieces.append(stream.feed(token))
        if stream.stopped is not None:
            return pieces, stream.stopped
    return [*pieces, stream.flush()], None


def expected(tokenizer: Any, ids: list[int], stop: list[str]) -> tuple[str, str | None]:
    """Decode everything anew at every token."""
    text = ""
    for end in range(1, len(ids) + 1):
        now = tokenizer.backend_tokenizer.decode(ids[:end], skip_special_tokens=True)
        if now.endswith(LOST):
            continue  # A character is not complete.
        text = now
        found = [(text.index(s), s) for s in stop if s in text]
        if found:
            place, first = min(found, key=lambda f: f[0])
            return text[:place], first
    return text, None


def tokens_of(tokenizer: Any, text: str) -> list[int]:
    """Of a text that the vocabulary can express: it lacks a few bytes."""
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    assume(tokenizer.backend_tokenizer.decode(ids, skip_special_tokens=True) == text)
    return ids


plain = st.text(
    st.one_of(
        st.sampled_from("abc \n.,é🙂👩‍👩‍👧世界🇩🇪ﷺ"),
        st.characters(exclude_characters=LOST, exclude_categories=["Cs"]),
    ),
    max_size=30,
)
stops = st.lists(st.text("abc .é🙂", min_size=1, max_size=4), max_size=3)


@settings(max_examples=200, deadline=None)
@given(text=plain, stop=stops)
def test_a_text_comes_back_whole_up_to_its_stop(tokenizer: Any, text: str, stop: list[str]) -> None:
    ids = tokens_of(tokenizer, text)
    pieces, stopped = told(tokenizer, ids, stop)
    assert ("".join(pieces), stopped) == expected(tokenizer, ids, stop)
    assert not any(LOST in piece for piece in pieces)


@settings(max_examples=200, deadline=None)
@given(text=plain, cut=st.integers(0, 60))
def test_an_output_cut_anywhere_never_ends_in_half_a_character(
    tokenizer: Any, text: str, cut: int
) -> None:
    ids = tokens_of(tokenizer, text)[:cut]
    pieces, _ = told(tokenizer, ids, [])
    assert LOST not in "".join(pieces)
    assert text.startswith("".join(pieces))


@settings(max_examples=100, deadline=None)
@given(ids=st.lists(st.integers(0, 49151), max_size=30), stop=stops)
def test_any_tokens_at_all(tokenizer: Any, ids: list[int], stop: list[str]) -> None:
    pieces, stopped = told(tokenizer, ids, stop)
    assert ("".join(pieces), stopped) == expected(tokenizer, ids, stop)


def test_a_stop_sequence_across_tokens_is_never_sent(tokenizer: Any) -> None:
    ids = tokenizer("one two ST", add_special_tokens=False)["input_ids"]
    ids += tokenizer("OP three", add_special_tokens=False)["input_ids"]
    pieces, stopped = told(tokenizer, ids, ["STOP"])
    assert "".join(pieces) == "one two "
    assert stopped == "STOP"


def test_what_only_looked_like_a_stop_is_sent(tokenizer: Any) -> None:
    ids = tokenizer("one STO", add_special_tokens=False)["input_ids"]
    stream = TextStream(tokenizer, ["STOP"])
    assert "".join(map(stream.feed, ids)) == "one "
    assert stream.flush() == "STO"


def test_text_is_sent_as_it_comes(tokenizer: Any) -> None:
    ids = tokenizer("It goes on and on.", add_special_tokens=False)["input_ids"]
    stream = TextStream(tokenizer, ["STOP"])
    assert all(stream.feed(token) for token in ids)


def test_special_tokens_are_not_text(tokenizer: Any) -> None:
    ids = [tokenizer.convert_tokens_to_ids("<|im_start|>"), tokenizer.eos_token_id]
    assert told(tokenizer, ids, []) == (["", "", ""], None)


def test_an_empty_stop_sequence_stops_nothing(tokenizer: Any) -> None:
    ids = tokenizer("abc", add_special_tokens=False)["input_ids"]
    pieces, stopped = told(tokenizer, ids, [""])
    assert ("".join(pieces), stopped) == ("abc", None)
