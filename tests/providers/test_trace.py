"""What one emulator tells another of its requests: both then find the same."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headstart.prompt import Chain, Mark
from headstart.providers import BreakpointEmulator, Rules, Ticket, Trace, rules_for
from headstart.usage import Usage
from tests.providers.marked import CLAUDE, GPT
from tests.providers.prompts import TODAY, words

RULES = {
    provider: rules_for(provider, model, TODAY)[0]
    for provider, model in (("anthropic", CLAUDE), ("openai", GPT), ("qwen", "qwen4-max"))
}
FATES = ("good", "good", "good", "failed", "lost", "lost early", "shortened", "shortened early")
STEP = st.tuples(
    st.booleans(),  # which of the two is asked
    st.integers(0, 2),  # which conversation
    st.integers(1, 8),  # blocks of it
    st.sets(st.integers(0, 7), max_size=4),  # where marks stand
    st.sampled_from([300.0, 3600.0]),
    st.sampled_from([0.0, 10.0, 290.0, 310.0, 3700.0]),
    st.sampled_from(FATES),
)
HOUR, MINUTES, LATER = 3600.0, 300.0, 310.0


def emulator(rules: Rules = RULES["anthropic"]) -> BreakpointEmulator:
    return BreakpointEmulator(rules, CLAUDE, count=words)


def settle(
    emulated: BreakpointEmulator, ticket: Ticket, chain: Chain, now: float, fate: str
) -> None:
    """A response, and that less was read than predicted: said at its end or at its head."""
    what, _, early = fate.partition(" ")
    if what == "failed":
        ticket.abort()
        return
    if not early:
        ticket.first_byte(now)
    if what != "good":
        read = ticket.lookup.usage.read * 2 // 3 if what == "shortened" else 0
        emulated.reconcile(ticket, Usage(chain.tokens - read, read))
    if early:
        ticket.first_byte(now)


@pytest.mark.parametrize("provider", RULES)
@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=40))
@example(  # What was lost is written anew at once, and does not live as long as it would have.
    [
        (False, 0, 1, {0}, HOUR, 0.0, "good"),
        (False, 0, 1, {0}, MINUTES, 0.0, "lost"),
        (True, 0, 1, {0}, MINUTES, LATER, "good"),
    ]
)
@example(  # Where the request's TTL counts, it counts for the next read through no marker.
    [
        (False, 0, 1, {0}, HOUR, 0.0, "good"),
        (False, 0, 1, {0}, MINUTES, 0.0, "good"),
        (True, 0, 2, {1}, HOUR, 3590.0, "good"),
        (True, 0, 1, {0}, HOUR, LATER, "good"),
    ]
)
def test_two_that_tell_each_other_find_what_one_finds(
    provider: str,
    steps: list[tuple],  # type: ignore[type-arg]
) -> None:
    rules = RULES[provider]
    one, two = emulator(rules), (emulator(rules), emulator(rules))
    now = 0.0
    for which, talk, length, places, ttl, pause, fate in steps:
        now += pause
        blocks = [b"shared", *(b"%d.%d" % (talk, i) for i in range(1, length))]
        marks = [Mark(at, ttl) for at in sorted(places) if at < length]
        chain = Chain.of_blocks(CLAUDE, blocks, 1500, marks=marks, boundaries=[length - 1])
        here, there = two[which], two[not which]
        tickets = [(e, e.begin(chain, now, scope="acme")) for e in (one, here)]
        assert tickets[0][1].lookup.usage == tickets[1][1].lookup.usage
        for emulated, ticket in tickets:
            settle(emulated, ticket, chain, now, fate)
        trace = here.trace(tickets[1][1])
        assert (trace is None) == (fate == "failed")
        if trace is not None:
            there.observe(trace, now)


@settings(max_examples=100, deadline=None)
@given(st.lists(STEP, max_size=30))
@example(  # The shorter entry that was read instead lives on.
    [
        (False, 0, 2, {0, 1}, MINUTES, 0.0, "good"),
        (False, 0, 2, {0, 1}, MINUTES, 290.0, "shortened"),
        (False, 0, 1, {0}, MINUTES, 290.0, "good"),
    ]
)
def test_a_loss_is_the_same_at_the_head_of_a_response_and_at_its_end(
    steps: list[tuple],  # type: ignore[type-arg]
) -> None:
    early, late = emulator(), emulator()
    now = 0.0
    for _, talk, length, places, ttl, pause, fate in steps:
        now += pause
        blocks = [b"shared", *(b"%d.%d" % (talk, i) for i in range(1, length))]
        marks = [Mark(at, ttl) for at in sorted(places) if at < length]
        chain = Chain.of_blocks(CLAUDE, blocks, 1500, marks=marks)
        tickets = [e.begin(chain, now) for e in (early, late)]
        assert tickets[0].lookup.usage == tickets[1].lookup.usage
        end = fate.removesuffix(" early")
        settle(late, tickets[1], chain, now, end)
        settle(early, tickets[0], chain, now, end if end in ("good", "failed") else f"{end} early")


def test_times_ahead_and_lifetimes_beyond_themselves_are_held_back() -> None:
    told = emulator()
    chain = Chain.of_blocks(CLAUDE, [b"a"], 1500, marks=[Mark(0, 300.0)])
    told.observe(Trace(1e12, [(chain.keys[0], 1e9, 300.0)], ()), 100.0)
    assert told.peek(chain, 399.0).usage.read == 1500
    assert told.peek(chain, 401.0).usage.read == 0
