from __future__ import annotations

from headstart.providers.breakpoints_thinking import DROPPED, without_thinking
from tests.providers.marked import prompt

LOOP = ("user q 5", "assistant:thinking t 50", "assistant:tool_use u 5", "user:tool_result r 5")


def types(*parts: str) -> list[str]:
    return [segment.type for segment in without_thinking(prompt(*parts)).segments]


def test_a_tool_loop_keeps_its_thinking() -> None:
    asked = prompt(*LOOP)
    assert without_thinking(asked) is asked


def test_a_new_turn_drops_that_of_the_turns_before() -> None:
    assert types(*LOOP, "user next 5", "assistant:thinking s 5") == [
        "text",
        DROPPED,
        "tool_use",
        "tool_result",
        "text",
        "thinking",
    ]


def test_what_is_dropped_says_nothing_of_what_it_was() -> None:
    one, other = (
        without_thinking(prompt("user q 5", f"assistant:{kind} {name} 50", "user next 5"))
        for kind, name in (("thinking", "a"), ("redacted_thinking", "b"))
    )
    assert one == other


def test_marks_and_places_stay() -> None:
    asked = prompt(*LOOP, "user next 5 5m")
    kept = without_thinking(asked)
    assert len(kept.segments) == len(asked.segments)
    assert [s.ttl for s in kept.segments] == [s.ttl for s in asked.segments]
