from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.prompt import CUT_BYTES, Chain, Kind, Mark, Prompt, Segment, chained
from headstart.prompt.cuts import Cuts


def segment(text: str, role: str = "user") -> Segment:
    return Segment(Kind.MESSAGE, role, 0, 0, text, {"type": "text", "text": text}, None)


def cut(*texts: str, piece_bytes: int = 16) -> Chain:
    prompt = Prompt("m", tuple(segment(text) for text in texts))
    return chained(prompt, lambda s: len(s.text), piece_bytes=piece_bytes)


def shared(a: Cuts, b: Cuts) -> int:
    """Leading cuts that two prompts have in common."""
    return next(
        (
            i
            for i in range(min(len(a.ends), len(b.ends)))
            if a.symbols[i * CUT_BYTES : (i + 1) * CUT_BYTES]
            != b.symbols[i * CUT_BYTES : (i + 1) * CUT_BYTES]
        ),
        min(len(a.ends), len(b.ends)),
    )


def test_without_pieces_cuts_are_the_ends_of_segments() -> None:
    chain = cut("aaa", "bb", piece_bytes=0)
    assert chain.pieces is None
    assert chain.cuts == (b"".join(key[:CUT_BYTES] for key in chain.keys), chain.ends)


def test_pieces_change_nothing_else() -> None:
    plain, pieces = cut("a" * 50, "b", piece_bytes=0), cut("a" * 50, "b")
    for name in ("keys", "plain", "ends", "positions", "marks", "outputs"):
        assert getattr(plain, name) == getattr(pieces, name)


def test_every_segment_ends_in_its_own_key() -> None:
    chain = cut("a" * 50, "b" * 3)
    symbols = [chain.cuts.symbols[i : i + 8] for i in range(0, len(chain.cuts.symbols), 8)]
    assert symbols[-1] == chain.keys[1][:CUT_BYTES]
    assert symbols[chain.cuts.ends.index(50)] == chain.keys[0][:CUT_BYTES]


@given(st.text(max_size=300), st.text(max_size=100), st.text(max_size=100))
def test_two_texts_share_what_they_begin_with(head: str, one: str, two: str) -> None:
    a, b = cut(head + one).cuts, cut(head + two).cuts
    same = len("user" + '0{"type":"text","text":"' + head)
    assert shared(a, b) >= min(same // 16, len(a.ends) - 1, len(b.ends) - 1)
    assert list(a.ends) == sorted(a.ends)
    assert a.ends[-1] == len(head + one)


def test_texts_of_different_lengths_that_differ_late_share_most_tokens() -> None:
    a, b = cut("x" * 4000 + "end").cuts, cut("x" * 4000 + "another, and longer end").cuts
    count = shared(a, b)
    assert a.ends[count - 1] >= 3900
    assert abs(a.ends[count - 1] - b.ends[count - 1]) <= 40


def test_what_follows_a_difference_is_not_shared() -> None:
    a, b = cut("x" * 20 + "1" + "y" * 400).cuts, cut("x" * 20 + "2" + "y" * 400).cuts
    assert shared(a, b) <= 3


def test_model_and_settings_reach_every_cut() -> None:
    def keyed(model: str, value: str) -> Chain:
        prompt = Prompt(model, (segment("a" * 100),), {"effort": value})
        return chained(prompt, lambda s: 10, settings={"effort": Kind.TOOL}, piece_bytes=16)

    base = keyed("m", "1").cuts
    assert shared(base, keyed("n", "1").cuts) == shared(base, keyed("m", "2").cuts) == 0


def test_runs_of_the_model_s_words() -> None:
    roles = ["assistant", "user", "assistant", "assistant", "user", "assistant"]
    prompt = Prompt("m", tuple(segment("a", role) for role in roles))
    assert chained(prompt, lambda s: 1).outputs == ((0, 0), (2, 3), (5, 5))


def test_a_piece_has_at_least_a_byte() -> None:
    with pytest.raises(ValueError, match="at least 1 byte"):
        cut("a", piece_bytes=-1)


def test_blocks_become_segments() -> None:
    chain = Chain.of_blocks("m", [b"a", b"b", b"c"], 16, tokens=40, tools=1, system=2)
    assert (chain.ends, chain.tools, chain.system, chain.tokens) == ((16, 32, 40), 1, 2, 40)
    longer = Chain.of_blocks("m", [b"a", b"b", b"c", b"d"], 16, marks=[Mark(3, 300)])
    assert longer.keys[:3] == chain.keys
    assert longer.ends[-1] == 64
    other = Chain.of_blocks("n", [b"a", b"b", b"c"], 16)
    assert other.plain == chain.plain
    assert not set(other.keys) & set(chain.keys)
    assert Chain.of_blocks("m", [], 16).tokens == 0


@pytest.mark.parametrize(
    ("count", "size", "options"),
    [
        (2, 0, {}),
        (2, 16, {"tokens": 33}),
        (2, 16, {"tokens": 16}),
        (0, 16, {"tokens": 1}),
        (2, 16, {"tools": 3}),
        (2, 16, {"tools": -1}),
    ],
)
def test_blocks_that_do_not_fit_are_refused(count: int, size: int, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="blocks"):
        Chain.of_blocks("m", [b"a"] * count, size, **options)
