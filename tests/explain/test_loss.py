from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.explain import recoverable, wasted
from headstart.pricing import Pricer
from headstart.prompt import Prompt, diverge
from headstart.providers import Emulator, emulate
from headstart.usage import Usage
from tests.explain.test_outline import prompt

TODAY = date(2026, 11, 20)
LONG = "A policy of many words. " * 300
PRICE = Pricer("anthropic", "claude-opus-5-5", TODAY)


def cache(provider: str = "openai", model: str = "gpt-5.4") -> Emulator:
    return emulate(provider, model, TODAY, count=lambda segment: len(segment.text) // 4)


def lost(before: Prompt, now: Prompt, emulator: Emulator | None = None) -> tuple[int, int, int]:
    """What is recoverable, what the lookup says, and what is not read."""
    emulator = emulator or cache()
    emulator.begin(before, 0.0).first_byte(0.0)
    lookup = emulator.peek(now, 60.0)
    found = recoverable(emulator, before, now, lookup, 60.0)
    assert emulator.peek(now, 60.0) == lookup
    return found, lookup.lost, lookup.usage.input - lookup.usage.read


def test_an_edited_segment_in_front_of_equal_ones() -> None:
    found, by_lookup, unread = lost(
        prompt("system: A.", f"{LONG}", "q"), prompt("system: B.", f"{LONG}", "q2")
    )
    assert by_lookup == 0
    assert unread - 200 < found <= unread


def test_another_text_in_front_is_no_loss_of_its_own() -> None:
    one, two = "Sing and dance. " * 900, "Count the money. " * 900
    found, by_lookup, _ = lost(prompt(f"system: {one}", "hi"), prompt(f"system: {two}", "hi"))
    assert found == by_lookup == 0
    found, _, unread = lost(
        prompt(f"system: {one}", LONG, "a?"), prompt(f"system: {two}", LONG, "b?")
    )
    assert 1500 < found < 2000 < unread


def test_an_edited_end_loses_nothing() -> None:
    found, by_lookup, _ = lost(
        prompt(f"system: {LONG}", "On 2026-01-02?"), prompt(f"system: {LONG}", "On 2026-01-03?")
    )
    assert found == by_lookup == 0


def test_a_clock_at_the_head_of_the_only_message() -> None:
    found, _, unread = lost(
        prompt(f"It is 2026-11-20 15:00:00. {LONG}"), prompt(f"It is 2026-11-20 15:02:00. {LONG}")
    )
    assert unread - 200 < found <= unread


def test_a_clock_at_the_head_of_the_only_message_before_something_else() -> None:
    found, by_lookup, _ = lost(
        prompt(f"It is 2026-11-20 15:00:00. {LONG}"), prompt("It is 2026-11-20 15:02:00. Hello?")
    )
    assert found == by_lookup == 0


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (("tools: x", f"system: {LONG}", "q"), (f"system: {LONG}", "q")),
        ((f"system: {LONG}", "q"), ("system: new", f"system: {LONG}", "q")),
        (("tools: x", "tools: y", f"system: {LONG}"), ("tools: y", "tools: x", f"system: {LONG}")),
    ],
)
def test_segments_that_come_go_or_swap_in_front(
    before: tuple[str, ...], now: tuple[str, ...]
) -> None:
    found, _, unread = lost(prompt(*before), prompt(*now))
    assert unread - 300 < found <= unread


def test_two_clocks_one_after_the_other() -> None:
    found, _, unread = lost(
        prompt("system: The time is 15:00:00.", "system: On 2026-11-20.", f"{LONG}", "q"),
        prompt("system: The time is 15:01:00.", "system: On 2026-11-21.", f"{LONG}", "other"),
    )
    assert unread - 300 < found <= unread


TEXTS = st.lists(
    st.sampled_from(["a", "b", "c", "It is 2026-11-20 15:00:00.", "It is 2026-11-21 15:00:00."]),
    min_size=1,
    max_size=6,
).map(lambda texts: [text * 900 for text in texts])


@given(TEXTS, TEXTS, st.sampled_from(["openai", "deepseek", "anthropic"]))
def test_it_is_never_less_than_the_lookup_says_nor_more_than_is_not_read(
    one: list[str], two: list[str], provider: str
) -> None:
    before, now = prompt(*one), prompt(*two)
    model = {"openai": "gpt-5.4", "deepseek": "deepseek-chat"}.get(provider, "claude-opus-5-5")
    found, by_lookup, unread = lost(before, now, cache(provider, model))
    assert by_lookup <= found <= max(by_lookup, unread)
    if diverge(before, now) is None:
        assert found == by_lookup


def test_lost_tokens_are_taken_from_the_front_of_the_prompt() -> None:
    price = PRICE.price()
    assert price is not None
    assert price.write_1h is not None
    assert price.write_5m is not None
    usage = Usage(fresh=1000, write_5m=1000, write_1h=1000, output=50)
    for tokens, dearer in (
        (1000, price.write_1h - price.read),
        (2000, price.write_1h + price.write_5m - 2 * price.read),
        (3000, price.write_1h + price.write_5m + price.input - 3 * price.read),
    ):
        assert wasted(PRICE, usage, tokens) == pytest.approx(dearer / 1000)
    assert wasted(PRICE, usage, 99_999) == wasted(PRICE, usage, 3000)
    assert wasted(PRICE, usage, 0) == 0


def test_without_a_price_nothing_is_said() -> None:
    assert wasted(None, Usage(fresh=1), 1) is None
    assert wasted(Pricer("anthropic", "no-such-model", TODAY), Usage(fresh=1), 1) is None
