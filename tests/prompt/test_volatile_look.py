from __future__ import annotations

import pytest

from headstart.prompt.volatile_look import said_after, word


def test_a_word_stands_alone() -> None:
    assert word("ab+").search("x ab y")
    assert not word("ab+").search("xab aby _ab ab1")


@pytest.mark.parametrize("text", ["run id: r17", "Run ID is r17", '"run id": "r17"', "run id=r17"])
def test_what_is_said_after_words(text: str) -> None:
    match = said_after("run id").search(text)
    assert match
    assert match[1] == "r17"
    assert not said_after("run id").search("the run id that we use")
