from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.prompt import Conversation, Prompt, PromptBuilder, Tier, chained
from headstart.prompt.conversation import LOOKBACK
from headstart.usage import Usage

START = PromptBuilder("m", ttl=300, always_ttl=3600).tool("f").system("Be brief.")
_BLOCKS = st.sampled_from(
    [
        {"type": "text", "text": "hello"},
        {"type": "text", "text": ""},
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"b": 1, "a": 2}},
        {"type": "image", "source": {"data": "AA"}},
    ]
)
_CONTENTS = st.text("ab", min_size=1, max_size=3) | st.lists(_BLOCKS, min_size=1, max_size=30)
_TURNS = st.lists(
    st.tuples(st.lists(_CONTENTS, min_size=1, max_size=3), _CONTENTS), min_size=1, max_size=5
)


def keys(prompt: Prompt) -> list[tuple[str, bytes]]:
    return [(segment.role, segment.canonical) for segment in prompt.segments]


def marked(prompt: Prompt) -> list[int]:
    return [i for i, segment in enumerate(prompt.segments) if segment.ttl is not None]


def test_directives_roll_along() -> None:
    conversation = Conversation(START)
    seen = []
    for turn in range(3):
        conversation.user(f"question {turn}")
        seen.append(marked(conversation.prompt()))
        conversation.assistant(f"answer {turn}")
    assert seen == [[0, 1, 2], [0, 1, 2, 4], [0, 1, 4, 6]]
    assert [s.ttl for s in conversation.prompt().marked] == [3600, 3600, 300, 300]
    assert [s.message for s in conversation.prompt().segments[2:]] == [0, 1, 2, 3, 4, 5]


def test_a_run_of_messages_is_one_turn() -> None:
    conversation = Conversation(START)
    conversation.user("do it")
    conversation.assistant([{"type": "tool_use", "id": "c1", "name": "f", "input": {}}])
    conversation.tool_results({"c1": "42", "c2": [{"type": "text", "text": "43"}]})
    conversation.user("and then?")
    prompt = conversation.prompt()
    assert marked(prompt) == [0, 1, 2, 6]
    assert [segment.role for segment in prompt.segments[2:]] == [
        "user", "assistant", "tool", "tool", "user",
    ]  # fmt: skip
    assert [segment.boundary for segment in prompt.segments[2:]] == [True, True, False, True, True]


def test_a_long_turn_has_directives_within_the_lookback() -> None:
    conversation = Conversation(PromptBuilder("m"))
    conversation.user("start")
    conversation.assistant("ok")
    conversation.user([{"type": "text", "text": str(i)} for i in range(38)])
    places = marked(conversation.prompt())
    assert places == [0, 1, 20, 39]


@given(_TURNS)
def test_each_turn_reads_what_the_turn_before_wrote(
    turns: list[tuple[list[Any], Any]],
) -> None:
    conversation = Conversation(START)
    before: Prompt | None = None
    newest = b""
    for questions, answer in turns:
        for question in questions:
            conversation.user(question)
        prompt = conversation.prompt()
        chain = chained(prompt, lambda segment: 1)
        ends = [chain.keys[mark.segment] for mark in chain.marks]
        if before is not None:
            assert keys(prompt)[: len(before.segments)] == keys(before)
            assert newest in ends
        newest = ends[-1]
        before = prompt
        conversation.assistant(answer)


@given(st.lists(st.integers(1, 70), min_size=1, max_size=4))
def test_no_two_directives_are_further_apart_while_any_is_left(sizes: list[int]) -> None:
    conversation = Conversation(PromptBuilder("m"))
    for size in sizes:
        conversation.user([{"type": "text", "text": str(part)} for part in range(size)])
        conversation.assistant("ok")
    places = marked(conversation.prompt())
    steps = [after - before for before, after in pairwise(places)]
    first = 0 if len(sizes) == 1 else places[0]
    assert len(places) == 4 or all(step < LOOKBACK for step in [places[0] - first, *steps])


@given(_TURNS)
def test_directives_are_few_and_stand_where_they_may(turns: list[tuple[list[Any], Any]]) -> None:
    conversation = Conversation(START)
    for questions, answer in turns:
        for question in questions:
            conversation.user(question)
        prompt = conversation.prompt()
        lives = [segment.ttl for segment in prompt.marked]
        assert len(lives) <= 4
        assert lives == sorted(lives, reverse=True)  # type: ignore[type-var]
        assert all(segment.markable for segment in prompt.marked)
        conversation.assistant(answer)


def test_history_can_not_be_changed_from_outside() -> None:
    conversation = Conversation(START)
    block = {"type": "text", "text": "first"}
    conversation.user([block])
    before = keys(conversation.prompt())
    block["text"] = "second"
    assert keys(conversation.prompt()) == before


def test_answers_are_kept_to_the_letter() -> None:
    conversation = Conversation(START)
    conversation.user("x")
    conversation.assistant(" spaced \r\n\r\n\r\n out ")
    assert conversation.prompt().segments[-1].text == " spaced \r\n\r\n\r\n out "


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("", "empty"), ([], "content"), ({"text": "x"}, "type"), ({"type": "x", "y": {1}}, "set")],
)
def test_a_message_that_can_not_be_sent_is_not_appended(content: Any, complaint: str) -> None:
    conversation = Conversation(START)
    with pytest.raises(ValueError, match=complaint):
        conversation.user(content)
    assert len(conversation.prompt().segments) == 2


def test_nothing_volatile_stands_before_a_conversation() -> None:
    with pytest.raises(ValueError, match="never cached"):
        Conversation(START.system("Now: 14:03", tier=Tier.NEVER))


def test_statistics_run_along() -> None:
    conversation = Conversation(START)
    assert conversation.statistics.hit_rate == 0.0
    conversation.record(Usage(fresh=10, write_5m=90, output=5))
    conversation.record(Usage(fresh=10, read=90, write_1h=100))
    found = conversation.statistics
    assert (found.requests, found.read, found.written, found.input) == (2, 90, 190, 300)
    assert found.hit_rate == 0.3
