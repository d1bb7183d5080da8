from __future__ import annotations

import random
from string import ascii_letters

from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.audit.faces import Face, cuts_of
from headstart.audit.segments import Segments
from headstart.audit.texts import Texts
from headstart.prompt.cuts import CUT_BYTES

pieces = st.sampled_from(
    ["one and the same beginning, over and over. " * 8, "x", "\U0001f600\n", "another ending " * 30]
)
texts = st.lists(st.lists(pieces, max_size=6).map("".join), max_size=20)


def kept(texts: list[str], room: int = 1 << 20) -> Segments:
    packing, segments = Texts(), Segments(room)
    for number, text in enumerate(texts):
        face = Face(bytes([number]), 2, "user", "text", 0, 1, 0, 1, len(text), b"", None)
        segments.add(face._replace(text=packing.keep(number, text)))
    return segments


@settings(deadline=None)
@given(texts)
def test_every_text_comes_back(texts: list[str]) -> None:
    segments = kept(texts)
    for number in reversed(range(len(texts))):
        assert segments.text(number) == texts[number]


def test_a_text_that_grows_is_kept_as_what_it_adds() -> None:
    lines = [f"line {i} of a long conversation\n" for i in range(400)]
    segments = kept(["".join(lines[:size]) for size in range(300, 400)])
    held = [face.text for face in segments.faces]
    assert all(text is not None and text.base == i - 1 for i, text in enumerate(held) if i)
    assert sum(len(text.middle) for text in held[1:] if text is not None) < 5_000


def test_what_there_is_no_room_for_is_not_held_nor_what_depends_on_it() -> None:
    rng = random.Random(1)
    own = ["".join(rng.choices(ascii_letters, k=1_000)) for _ in range(4)]
    texts = [text + more for text in own for more in ("", "!" * 20)]
    segments = kept(texts, room=2_000)
    found = [segments.text(number) for number in range(len(texts))]
    assert found[:2] == texts[:2]
    assert found[-2:] == [None, None]
    assert segments.texts_dropped == found.count(None)
    assert all(text in (None, given) for text, given in zip(found, texts, strict=True))


@given(st.binary(max_size=700), st.binary(max_size=700))
def test_cuts_are_equal_as_far_as_contents_are(one: bytes, two: bytes) -> None:
    a, b = cuts_of(one), cuts_of(two)
    assert len(a) == CUT_BYTES * (max(0, len(one) - 1) // 128)
    for at in range(1, 6):
        end = at * CUT_BYTES
        if end <= min(len(a), len(b)):
            assert (a[:end] == b[:end]) == (one[: 128 * at] == two[: 128 * at])
