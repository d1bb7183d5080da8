"""What one emulator tells another of its requests: both then find the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.prompt import Chain, Mark
from headstart.providers import BreakpointEmulator, Trace, rules_for
from headstart.usage import Usage
from tests.providers.marked import CLAUDE
from tests.providers.prompts import TODAY, words

RULES = rules_for("anthropic", CLAUDE, TODAY)[0]
STEP = st.tuples(
    st.booleans(),  # which of the two is asked
    st.integers(0, 2),  # which conversation
    st.integers(1, 8),  # blocks of it
    st.sets(st.integers(0, 7), max_size=4),  # where marks stand
    st.sampled_from([300.0, 3600.0]),
    st.sampled_from([0.0, 10.0, 290.0, 310.0, 3700.0]),
    st.sampled_from(["good", "good", "good", "failed", "lost"]),
)


def emulator() -> BreakpointEmulator:
    return BreakpointEmulator(RULES, CLAUDE, count=words)


@settings(max_examples=100, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_two_that_tell_each_other_find_what_one_finds(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    one, two = emulator(), (emulator(), emulator())
    now = 0.0
    for which, talk, length, places, ttl, pause, fate in steps:
        now += pause
        blocks = [b"shared", *(b"%d.%d" % (talk, i) for i in range(1, length))]
        marks = [Mark(at, ttl) for at in sorted(places) if at < length]
        chain = Chain.of_blocks(CLAUDE, blocks, 1500, marks=marks)
        here, there = two[which], two[not which]
        tickets = [(e, e.begin(chain, now, scope="acme")) for e in (one, here)]
        assert tickets[0][1].lookup.usage == tickets[1][1].lookup.usage
        for emulated, ticket in tickets:
            if fate == "failed":
                ticket.abort()
                continue
            ticket.first_byte(now)
            if fate == "lost":
                emulated.reconcile(ticket, Usage(chain.tokens))
        trace = here.trace(tickets[1][1])
        assert (trace is None) == (fate == "failed")
        if trace is not None:
            there.observe(trace, now)


def test_times_ahead_and_lifetimes_beyond_themselves_are_held_back() -> None:
    told = emulator()
    chain = Chain.of_blocks(CLAUDE, [b"a"], 1500, marks=[Mark(0, 300.0)])
    told.observe(Trace(1e12, [(chain.keys[0], 1e9, 300.0)], ()), 100.0)
    assert told.peek(chain, 399.0).usage.read == 1500
    assert told.peek(chain, 401.0).usage.read == 0
