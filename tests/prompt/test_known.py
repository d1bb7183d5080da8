from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.prompt import Kind, Known, Prompt, Segment, chained
from headstart.prompt.contents import LONG


def segment(text: str, role: str, part: int, kind: str) -> Segment:
    return Segment(Kind.MESSAGE, role, 0, part, text, {"type": kind, "text": text}, None, kind)


_TEXTS = st.one_of(
    st.text(max_size=40),
    st.builds(lambda head, size: head + "x" * size, st.text(max_size=3), st.integers(LONG, 3000)),
)
_PROMPTS = st.builds(
    lambda model, parts: Prompt(
        model, tuple(segment(t, role, n % 2, kind) for n, (t, role, kind) in enumerate(parts))
    ),
    st.sampled_from(["m", "n"]),
    st.lists(
        st.tuples(_TEXTS, st.sampled_from(["user", "assistant"]), st.sampled_from(["text", "x"])),
        max_size=4,
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_PROMPTS, min_size=1, max_size=5), st.sampled_from([0, 64, 128]))
def test_what_is_known_changes_no_chain(prompts: list[Prompt], pieces: int) -> None:
    def count(segment: Segment) -> int:
        return len(segment.text) + (segment.part == 0) * 3 + (segment.type == "x")

    known = Known(limit_bytes=20_000)
    for prompt in prompts * 2:
        mine = known.of(prompt.model)
        again = chained(prompt, count, piece_bytes=pieces, known=mine)
        assert again == chained(prompt, count, piece_bytes=pieces)


def test_a_long_text_is_counted_once_for_each_owner() -> None:
    counts = []

    def count(segment: Segment) -> int:
        counts.append(len(segment.text))
        return 7

    known = Known()
    prompt = Prompt("m", (segment("x" * LONG, "user", 0, "text"),))
    for owner in ("a", "a", "b"):
        assert chained(prompt, count, known=known.of(owner)).ends == (7,)
    assert counts == [LONG, LONG]


def test_memory_is_bounded_and_holds_no_text() -> None:
    known = Known(limit_bytes=50_000)
    for number in range(300):
        prompt = Prompt("m", (segment(f"secret {number} " * 400, "user", 0, "text"),))
        chained(prompt, lambda s: 1000, piece_bytes=64, known=known.of("a"))
    assert 0 < known.bytes <= 50_000
    assert 0 < len(known) < 300
    assert b"secret" not in repr(known._held).encode()


def test_what_would_take_most_of_the_room_is_not_kept() -> None:
    known = Known(limit_bytes=10_000)
    known.put("a", 1, 0)
    known.put("b", 2, 9_000)
    assert (known.get("a"), known.get("b"), known.get("c")) == (1, None, None)
