from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headstart.prompt import Kind, PromptBuilder, Tier, normalised

_TEXTS = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text.strip() != "")
_TIERS = st.sampled_from([Tier.ALWAYS, Tier.SEGMENT])
_SCHEMAS = st.dictionaries(
    st.text(max_size=4), st.integers() | st.dictionaries(st.text(max_size=4), st.text(max_size=4))
)
_TOOLS = st.dictionaries(st.text("abc", min_size=1, max_size=3), _SCHEMAS, max_size=4)


def texts(builder: PromptBuilder) -> list[str]:
    return [segment.text for segment in builder.build().segments]


def turned(value: Any, rng: random.Random) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: turned(value[key], rng) for key in rng.sample(list(value), len(value))}


def test_the_stable_comes_first() -> None:
    builder = (
        PromptBuilder("m", ttl=300, always_ttl=3600)
        .user("What is new?")
        .system("Tenant: Acme.", tier=Tier.SEGMENT)
        .system("Be brief.")
        .tool("zoom")
        .tool("acme_search", "Search.", {"type": "object"}, tier=Tier.SEGMENT)
        .tool("add")
        .user("The document.", tier=Tier.SEGMENT)
    )
    prompt = builder.build()
    assert [segment.kind for segment in prompt.segments] == [Kind.TOOL] * 3 + [Kind.SYSTEM] * 2 + [
        Kind.MESSAGE
    ] * 2
    assert [segment.content.get("name") for segment in prompt.segments[:3]] == [
        "add",
        "zoom",
        "acme_search",
    ]
    assert texts(builder)[3:] == ["Be brief.", "Tenant: Acme.", "The document.", "What is new?"]
    assert [(s.message, s.part) for s in prompt.segments[3:]] == [(-1, 0), (-1, 1), (0, 0), (1, 0)]
    # What stands behind a tenant's tool is that tenant's.
    assert [segment.ttl for segment in prompt.segments] == [None, 3600, 300, None, 300, 300, None]
    assert [segment.boundary for segment in prompt.segments] == [False] * 4 + [True] * 3


def test_a_builder_is_never_changed() -> None:
    start = PromptBuilder("m").system("Be brief.")
    one, two = start.user("1"), start.user("2")
    assert (texts(start), texts(one), texts(two)) == (
        ["Be brief."],
        ["Be brief.", "1"],
        ["Be brief.", "2"],
    )


def test_nothing_cacheable_means_no_directive() -> None:
    assert PromptBuilder("m").user("hi").build().marked == ()
    assert PromptBuilder("m").system("s", tier=Tier.NEVER).user("hi").build().marked == ()
    assert PromptBuilder("m").build().segments == ()


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda b: b.tool("f").tool("f"), "already"),
        (lambda b: b.tool("f", tier=Tier.NEVER), "cacheable"),
        (lambda b: b.tool(""), "name"),
        (lambda b: b.tool("f", schema={"x": object()}), "object"),
        (lambda b: b.system(" \n"), "empty"),
        (lambda b: b.build(breakpoints=5), "0 to 4"),
        (lambda b: b.build(breakpoints=-1), "0 to 4"),
        (lambda b: PromptBuilder("m", ttl=0), "above 0"),
        (lambda b: PromptBuilder("m", ttl=3600, always_ttl=300), "below"),
        (lambda b: b.user("\ud800").build(), "surrogates"),
    ],
)
def test_what_can_not_be_built(call: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        call(PromptBuilder("m"))


@given(_TOOLS, st.lists(st.tuples(_TEXTS, _TIERS), max_size=4), st.randoms())
def test_the_version_does_not_depend_on_how_things_are_written(
    tools: dict[str, Any], systems: list[tuple[str, Tier]], rng: random.Random
) -> None:
    one, two = PromptBuilder("m"), PromptBuilder("n", ttl=3600)
    for name, schema in tools.items():
        one = one.tool(name, "Does it.", schema)
    for text, tier in systems:
        one = one.system(text, tier=tier)
        noisy = "\r\n" + normalised(text).replace("\n", " \r\n") + " \n\n"
        two = two.system(noisy, tier=tier)
    for name in rng.sample(list(tools), len(tools)):
        two = two.tool(name, " Does it.\r\n", turned(tools[name], rng))
    assert one.version == two.version
    assert one.user("1").version == two.user("2").system("now", tier=Tier.NEVER).version
    keys = [[segment.canonical for segment in builder.build().segments] for builder in (one, two)]
    assert keys[0] == keys[1]


@given(st.lists(_TEXTS, min_size=1, max_size=4), st.data())
def test_the_version_changes_with_any_content(systems: list[str], data: st.DataObject) -> None:
    def built(texts: list[str]) -> PromptBuilder:
        builder = PromptBuilder("m").tool("f")
        for text in texts:
            builder = builder.system(text)
        return builder

    at = data.draw(st.integers(0, len(systems) - 1))
    edited = [*systems[:at], systems[at] + data.draw(st.sampled_from("xé0")), *systems[at + 1 :]]
    version = built(systems).version
    assert built(edited).version != version
    assert built(systems[:at] + systems[at + 1 :]).version != version
    assert built([*systems, "more"]).version != version
    assert built(systems).tool("g").version != version
    assert built(systems).user(systems[0], tier=Tier.ALWAYS).version != version


@given(st.lists(st.tuples(_TEXTS, st.sampled_from(Tier)), max_size=8), st.integers(0, 4))
def test_directives_are_few_ordered_and_on_what_is_cached(
    systems: list[tuple[str, Tier]], most: int
) -> None:
    builder = PromptBuilder("m", ttl=300, always_ttl=3600).tool("f")
    for text, tier in systems:
        builder = builder.system(text, tier=tier)
    prompt = builder.build(breakpoints=most)
    lives = [segment.ttl for segment in prompt.marked]
    assert len(lives) <= most
    assert lives == sorted(lives, reverse=True)  # type: ignore[type-var]
    cached = 1 + sum(tier is not Tier.NEVER for _, tier in systems)
    assert all(segment.ttl is None for segment in prompt.segments[cached:])
    assume(most > 1)
    assert prompt.segments[cached - 1].ttl is not None
