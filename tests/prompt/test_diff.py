from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headstart.prompt import Kind, Prompt, Segment, VolatileKind, diverge

POLICY = "# Airline Agent Policy\n\nThe current time is 2024-05-15 15:00:00 EST.\n\nBe brief."
_WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


def segment(kind: Kind, text: str, message: int = 0) -> Segment:
    role = {Kind.TOOL: "tools", Kind.SYSTEM: "system", Kind.MESSAGE: "user"}[kind]
    return Segment(kind, role, message, 0, text, {"type": "text", "text": text}, None)


def prompt(*messages: str, tools: Sequence[str] = (), system: str = POLICY) -> Prompt:
    return Prompt(
        "m",
        (
            *(segment(Kind.TOOL, tool, -1) for tool in tools),
            segment(Kind.SYSTEM, system, -1),
            *(segment(Kind.MESSAGE, text, index) for index, text in enumerate(messages)),
        ),
    )


def test_a_clock_in_the_system_prompt() -> None:
    split = diverge(prompt("hi"), prompt("hi", system=POLICY.replace("15:00:00", "15:00:07")))
    assert split
    assert (split.segment, split.section, split.shape) == (0, Kind.SYSTEM, "edit")
    assert (split.volatile, split.rejoins) == (VolatileKind.TIMESTAMP, True)
    assert POLICY[split.offset :].startswith("0 EST")
    assert split.a.text[split.a.start :].startswith("0 EST")
    head, one, carets, two, others, advice = split.render().splitlines()
    assert head == f"segment 0 (system), character {split.offset}: timestamp; " + (
        "nothing else differs"
    )
    assert one.endswith("15:00:00 EST.\\n\\nBe brief.")
    assert (one[carets.index("^")], two[others.index("^")]) == ("0", "7")
    assert carets == others
    assert advice == split.remedy


@pytest.mark.parametrize(
    ("a", "b", "section", "volatile", "shape", "rejoins"),
    [
        (prompt("1", tools="ab"), prompt("2", tools="ba"), "tool", "tool_order", "reorder", False),
        (prompt("1", tools="ab"), prompt("1", tools="abc"), "tool", None, "insertion", True),
        (prompt("1", tools="ab"), prompt("1", tools="b"), "tool", None, "deletion", True),
        (
            prompt("1", "2", "3"),
            prompt("2", "1", "3", "4"),
            "message",
            "example_order",
            "reorder",
            True,
        ),
        (prompt("1", "2"), prompt("0", "1", "2"), "message", None, "insertion", True),
        (prompt("1", "2", "3"), prompt("2", "3", "4"), "message", None, "deletion", True),
        (prompt("1\r\n2"), prompt("1\n2", "3"), "message", "line_endings", "edit", True),
        (prompt(system="a"), prompt(system="b", tools="t"), "tool", None, "insertion", False),
        (prompt(tools="t"), prompt(system="b"), "tool", None, "deletion", False),
    ],
)
def test_what_became_of_the_segments(
    a: Prompt, b: Prompt, section: str, volatile: str | None, shape: str, rejoins: bool
) -> None:
    split = diverge(a, b)
    assert split
    assert (split.section, split.volatile, split.shape, split.rejoins) == (
        section,
        volatile,
        shape,
        rejoins,
    )


def test_a_conversation_that_goes_on_does_not_diverge() -> None:
    assert diverge(prompt("1"), prompt("1", "2")) is None
    assert diverge(prompt("1", "2"), prompt("1")) is None


def test_blocks_without_text_are_compared_as_json() -> None:
    image = Segment(Kind.MESSAGE, "user", 0, 0, "", {"type": "image", "data": "AA"}, None)
    other = Segment(Kind.MESSAGE, "user", 0, 0, "", {"type": "image", "data": "AB"}, None)
    split = diverge(Prompt("m", (image,)), Prompt("m", (other,)))
    assert split
    assert split.a.text[split.offset :] == 'A"}'


def test_the_same_text_from_another_speaker() -> None:
    one = Segment(Kind.MESSAGE, "user", 0, 0, "x", "x", None)
    two = Segment(Kind.MESSAGE, "assistant", 0, 0, "x", "x", None)
    split = diverge(Prompt("m", (one,)), Prompt("m", (two,)))
    assert split
    assert (split.offset, split.volatile) == (0, None)


@given(st.lists(_WORDS, min_size=1, max_size=5), st.data())
def test_one_edited_character_is_found_exactly(texts: list[str], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(texts) - 1))
    at = data.draw(st.integers(0, len(texts[index]) - 1))
    new = data.draw(st.characters(codec="utf-8"))
    assume(new != texts[index][at])
    edited = texts.copy()
    edited[index] = texts[index][:at] + new + texts[index][at + 1 :]
    # Texts of one prompt that an edit makes equal to others may read as another change.
    assume(len(set(texts)) == len(texts) and edited[index] not in texts)
    split = diverge(prompt(*texts), prompt(*edited))
    assert split
    assert (split.segment, split.offset, split.shape, split.rejoins) == (
        1 + index,
        at,
        "edit",
        True,
    )
    for side, text in ((split.a, texts[index]), (split.b, edited[index])):
        assert side.text in text
        assert side.text[side.start : side.end] == text[at]
    assert len(split.render().splitlines()) == 6


@given(st.lists(_WORDS, min_size=2, max_size=6, unique=True), st.randoms())
def test_shuffled_tools_are_found(tools: list[str], rng: random.Random) -> None:
    other = rng.sample(tools, len(tools))
    assume(other != tools)
    split = diverge(prompt("q", tools=tools), prompt("q", tools=other))
    assert split
    assert (split.volatile, split.rejoins) == (VolatileKind.TOOL_ORDER, True)
    assert tools[split.segment] != other[split.segment]
