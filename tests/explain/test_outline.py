from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.explain import Outline, part
from headstart.explain.outline import BLOCK
from headstart.prompt import Kind, Prompt, Segment, canonical_json, diverge

SECTIONS = {"tools": Kind.TOOL, "system": Kind.SYSTEM}


def prompt(*texts: str) -> Prompt:
    """``role: text`` each; a message of the user's without a role."""
    found: list[Segment] = []
    for text in texts:
        role, _, rest = text.partition(": ")
        role = role if role in SECTIONS else "user"
        kind = SECTIONS.get(role, Kind.MESSAGE)
        place = -1 if kind is not Kind.MESSAGE else len(found)
        block = {"type": "text", "text": rest or text}
        canonical = canonical_json(block).encode("utf-8", "surrogatepass")
        found.append(Segment(kind, role, place, 0, rest or text, block, None, canonical=canonical))
    return Prompt("m", tuple(found))


def outline(of: Prompt, key: bytes = b"") -> Outline:
    return Outline.of(of, lambda segment: len(segment.text) // 4, key)


LETTERS = st.text("ab ", max_size=12).map(lambda text: text * 97)


@given(LETTERS, LETTERS, LETTERS, st.integers(1, 40))
def test_the_first_difference_is_in_the_block_that_is_named(
    head: str, one: str, two: str, times: int
) -> None:
    a, b = head * times + one, head * times + two
    found = part(outline(prompt(f"system: {a}.")), outline(prompt(f"system: {b}.")))
    a, b = f"{a}.", f"{b}."
    if a == b:
        assert found is None
        return
    assert found is not None
    assert found.block is not None
    longer, shorter = max(len(a), len(b)), min(len(a), len(b))
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), shorter)
    assert found.block.start <= at < found.block.end <= longer
    size = BLOCK
    while longer > 64 * size:
        size *= 2
    assert found.block.end - found.block.start <= size


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=7), st.data())
def test_segments_part_where_the_texts_do(texts: list[str], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=7))
    a, b = prompt(*texts), prompt(*other)
    split, parting = diverge(a, b), part(outline(a), outline(b))
    assert (split is None) == (parting is None)
    if split is not None and parting is not None:
        assert (parting.segment, parting.section) == (split.segment, split.section)
        assert (parting.shape, parting.length) == (split.shape, split.length)
        assert parting.rejoins == split.rejoins


def test_what_of_an_earlier_section_came_is_no_edit() -> None:
    a, b = prompt("system: s", "hi"), prompt("tools: t", "tools: u", "system: s2", "hi")
    found, split = part(outline(a), outline(b)), diverge(a, b)
    assert found is not None
    assert split is not None
    assert (found.shape, found.length, found.rejoins) == ("insertion", 2, False)
    assert (split.shape, split.length, split.rejoins) == ("insertion", 2, False)
    gone = part(outline(b), outline(a))
    assert gone is not None
    assert (gone.shape, gone.length, gone.section) == ("deletion", 2, Kind.TOOL)


def test_what_looks_volatile_there_is_named() -> None:
    text = "x " * 300
    a = prompt(f"system: {text}It is 2026-11-20 15:00:00. {text}", "hi")
    b = prompt(f"system: {text}It is 2026-11-20 15:02:00. {text}", "hi")
    found = part(outline(a), outline(b))
    assert found is not None
    assert found.volatile == "timestamp"
    assert found.block is not None
    assert found.block.start <= 600 < found.block.end
    assert found.remedy.startswith("Move the timestamp")
    assert "perhaps a timestamp" in found.render()
    assert "15:0" not in found.render()


def test_without_a_look_at_what_is_volatile_there_is_the_place_alone() -> None:
    a, b = (
        prompt("system: It is 2026-11-20 15:00:00."),
        prompt("system: It is 2026-11-20 15:02:00."),
    )
    found = part(*(Outline.of(p, lambda _: 1, volatile=False) for p in (a, b)))
    assert found is not None
    assert found.volatile is None
    assert found.block == (0, 26)


def test_a_difference_that_is_not_in_the_text() -> None:
    one = Segment(Kind.MESSAGE, "user", 0, 0, "same", {}, None, canonical=b'{"a":1}')
    two = Segment(Kind.MESSAGE, "user", 0, 0, "same", {}, None, canonical=b'{"a":2}')
    found = part(outline(Prompt("m", (one,))), outline(Prompt("m", (two,))))
    assert found is not None
    assert found.block is None


def test_it_is_packed_without_text_and_comes_back_the_same() -> None:
    made = outline(prompt("system: The secret is 2026-11-20 15:00:00.", "lone \ud800 surrogate"))
    packed = made.pack()
    assert Outline.unpack(packed) == made
    assert b"secret" not in packed
    assert b"15:00" not in packed


def test_another_key_gives_other_digests_and_the_same_key_the_same() -> None:
    said = prompt("system: a guess", "hi")
    assert outline(said, b"k") == outline(said, b"k")
    found = part(outline(said, b"k"), outline(said, b"other"))
    assert found is not None
    assert found.segment == 0
    pieces = zip(outline(said, b"k").pieces, outline(said).pieces, strict=True)
    assert all(x.digest != y.digest and x.blocks != y.blocks for x, y in pieces)


def test_a_long_prompt_has_a_short_outline() -> None:
    assert len(outline(prompt("system: " + "words " * 40_000, "hi")).pack()) < 500


@given(st.binary(max_size=64))
def test_any_bytes_are_an_outline_or_a_value_error(data: bytes) -> None:
    try:
        found = Outline.unpack(data)
    except ValueError:
        return
    assert Outline.unpack(found.pack()) == found


@pytest.mark.parametrize("data", [b"", b"\x92\x02\x90", b"\x91\x01"])
def test_what_is_no_outline_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match="outline"):
        Outline.unpack(data)


def test_damaged_blocks_do_not_break_a_comparison() -> None:
    made = outline(prompt("system: " + "words " * 400))
    cut = msgspec.structs.replace(made.pieces[0], blocks=b"", digest=b"another.")
    found = part(made, Outline(1, (cut,)))
    assert found is not None
    assert found.block is not None
