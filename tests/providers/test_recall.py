from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.prompt import Chain, Controls, Kind, Prompt, chained
from headstart.providers import Nearest, Recall
from headstart.providers.recall import _LENGTHS
from headstart.usage import MissReason
from tests.providers.marked import segment
from tests.providers.prompts import words


def blocks(text: str, model: str = "m", **options: Any) -> Chain:
    """A segment a letter."""
    return Chain.of_blocks(model, [letter.encode() for letter in text], 10, **options)


def chain(*parts: str, **settings: str) -> Chain:
    segments = tuple(segment(part, i) for i, part in enumerate(parts))
    prompt = Prompt("m", segments, settings, Controls())
    keyed = {"tool_choice": Kind.MESSAGE, "thinking": Kind.TOOL}
    return chained(prompt, words, settings=keyed)


def found(recall: Recall, what: Chain, scope: str = "") -> tuple[int, str, MissReason | None]:
    near = recall.nearest(what, scope)
    assert near is not None
    return near.shared, near.request, near.reason


def test_nothing_is_near_in_the_beginning() -> None:
    recall = Recall()
    assert recall.nearest(blocks("ab"), "") is None
    recall.remember(blocks(""), "", "r1", 0)
    assert recall.nearest(blocks(""), "") is None


def test_what_is_known_of_the_nearest() -> None:
    recall = Recall()
    recall.remember(blocks("abc"), "", "r1", 7, cached=2)
    assert recall.nearest(blocks("abx"), "") == Nearest(2, "r1", MissReason.DIVERGED, 3, 2, 7)


def test_a_prompt_that_goes_on_has_not_diverged() -> None:
    recall = Recall()
    recall.remember(blocks("abc"), "", "r1", 0)
    assert found(recall, blocks("abcd")) == (3, "r1", None)
    assert found(recall, blocks("ab")) == (2, "r1", MissReason.DIVERGED)


def test_of_equals_the_latest_is_named() -> None:
    recall = Recall()
    for name in ("r1", "r2"):
        recall.remember(blocks("ab" + name[1]), "", name, 0)
    assert found(recall, blocks("abx"))[:2] == (2, "r2")


def test_one_under_the_same_key_comes_before_others() -> None:
    recall = Recall()
    recall.remember(blocks("abc"), "", "mine", 0)
    recall.remember(blocks("abc"), "other", "other's", 0)
    assert found(recall, blocks("abcd")) == (3, "mine", None)
    assert found(recall, blocks("abcd"), "third") == (3, "other's", MissReason.SCOPE_CHANGED)


def test_another_model() -> None:
    recall = Recall()
    recall.remember(blocks("abc"), "", "r1", 0)
    assert found(recall, blocks("abcd", "n")) == (3, "r1", MissReason.MODEL_CHANGED)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("thinking", MissReason.SETTINGS_CHANGED),
        ("tool_choice", MissReason.TOOL_CHOICE_CHANGED),
    ],
)
def test_other_settings(name: str, reason: MissReason) -> None:
    recall = Recall()
    parts = ("system S 100", "user q 10")
    recall.remember(chain(*parts), "", "r1", 0)
    assert found(recall, chain(*parts, **{name: "1"})) == (2, "r1", reason)
    assert found(recall, chain(*parts, max_tokens="1")) == (2, "r1", None)


def test_what_differs_within_the_tools_has_other_tools() -> None:
    recall = Recall()
    recall.remember(blocks("abcd", tools=2, system=3), "", "r1", 0)
    assert found(recall, blocks("axcd", tools=2)) == (1, "r1", MissReason.TOOLS_CHANGED)
    assert found(recall, blocks("abxd", tools=2)) == (2, "r1", MissReason.DIVERGED)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (("tools B 100", "tools A 100", "user r 10"), MissReason.TOOLS_CHANGED),
        (("tools C 100", "system S 200", "user r 10"), MissReason.TOOLS_CHANGED),
        (("system S 200", "user r 10"), MissReason.TOOLS_CHANGED),
    ],
    ids=["another order", "another tool", "no tools"],
)
def test_a_prompt_that_differs_at_its_start_is_found_by_its_parts(
    parts: tuple[str, ...], reason: MissReason
) -> None:
    recall = Recall()
    recall.remember(chain("tools A 100", "tools B 100", "system S 200", "user q 10"), "", "r1", 0)
    assert found(recall, chain(*parts)) == (0, "r1", reason)
    assert recall.nearest(chain(*parts), "elsewhere") is None


def test_a_date_at_the_head_of_the_system_text() -> None:
    texts = [f"It is {day} November. " + "You answer at length. " * 40 for day in (21, 22)]
    chains = []
    for text in texts:
        system = replace(segment("system S 1", 0), text=text, content={"text": text})
        prompt = Prompt("m", (system, segment("user q 10", 0)))
        chains.append(chained(prompt, words))
    recall = Recall()
    recall.remember(chains[0], "", "r1", 0)
    assert found(recall, chains[1]) == (0, "r1", MissReason.DIVERGED)


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    recall = Recall(100)
    for i in range(1000):
        recall.remember(Chain.of_blocks("m", [b"%d.%d" % (i, j) for j in range(5)], 1), "", "", i)
    first, last = (Chain.of_blocks("m", [b"%d.%d" % (i, j) for j in range(5)], 1) for i in (0, 999))
    assert recall.nearest(first, "") is None
    assert recall.nearest(last, "") is not None
    assert len(recall.dump()[0]) <= 20


def test_a_prompt_beyond_the_limit_is_not_remembered() -> None:
    recall = Recall(10)
    recall.remember(blocks("abcdef"), "", "r1", 0)
    assert recall.nearest(blocks("abcdef"), "") is None


def test_a_limit_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        Recall(1)


def test_it_can_be_saved_and_restored() -> None:
    recall = Recall(100)
    recall.remember(chain("tools A 100", "system S 200", "user q 10"), "s", "r1", 3, cached=2)
    dumped = msgspec.msgpack.decode(msgspec.msgpack.encode(recall.dump()))
    other = Recall(100)
    other.restore(dumped)
    for asked in (chain("tools A 100", "user q 1"), chain("tools B 100", "system S 200")):
        assert other.nearest(asked, "s") == recall.nearest(asked, "s") is not None


@pytest.mark.parametrize("state", [None, [], [[], [], []], [[], [{}, {"a": 1}, [], 0], 1], "x"])
def test_what_was_not_saved_is_not_restored(state: object) -> None:
    recall = Recall(100)
    recall.remember(blocks("ab"), "", "r1", 0)
    with pytest.raises(ValueError, match="not a saved memory"):
        recall.restore(state)
    assert recall.nearest(blocks("ab"), "") is not None


SENT = st.tuples(
    st.text("ab", min_size=1, max_size=14), st.sampled_from("xy"), st.sampled_from(["m", "n"])
)


def common(one: str, other: str) -> int:
    """Letters that both begin with."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


@given(st.lists(SENT, max_size=12), SENT)
def test_it_finds_what_a_search_of_all_requests_finds(
    sent: list[tuple[str, str, str]], asked: tuple[str, str, str]
) -> None:
    recall = Recall()
    for i, (text, scope, model) in enumerate(sent):
        recall.remember(blocks(text, model), scope, str(i), 0)
    text, scope, model = asked
    near = recall.nearest(blocks(text, model), scope)
    best = max((common(text, one[0]) for one in sent), default=0)
    if not best:
        assert near is None
        return
    assert near is not None
    named = sent[int(near.request)]
    assert near.shared == common(text, named[0])
    assert near.segments == len(named[0])
    # The longest, but for what a later request hides between two of the set lengths.
    assert max(length for length in _LENGTHS if length <= best) <= near.shared <= best
    same = near.reason in (None, MissReason.DIVERGED)
    assert same == (named[1:] == (scope, model))
