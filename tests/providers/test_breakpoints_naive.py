"""The emulator of caches with breakpoints against its slow twin, on random traffic."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.prompt import Chain, Controls, Mark
from headstart.providers import BreakpointEmulator, Lookup, Ticket, rules_for, with_knobs
from tests.providers.naive_breakpoints import SIZE, Naive, Sent
from tests.providers.prompts import TODAY

MODEL = {"anthropic": "claude-opus-5-5", "openai": "gpt-6.1-sol"}
TTLS = {"anthropic": [300.0, 3600.0], "openai": [1800.0, 43200.0]}


@st.composite
def requests(draw: st.DrawFn, provider: str) -> Sent:
    """Prompts of up to 40 blocks out of a small stock, so that many begin alike."""
    shared = draw(st.integers(0, 34))
    branch = draw(st.sampled_from("abc"))
    count = shared + draw(st.integers(1, 6))
    blocks = tuple(f"s{i}" if i < shared else f"{branch}{i}" for i in range(count))
    positions, at = [], 0
    for i in range(count):
        at += i > 0 and i % 5 != draw(st.integers(1, 3))
        positions.append(at)
    marks = draw(
        st.dictionaries(
            st.integers(0, count - 1), st.sampled_from(TTLS[provider]), min_size=0, max_size=6
        )
    )
    if provider == "anthropic":
        return Sent(blocks, positions, marks)
    bounds = sorted(draw(st.sets(st.integers(0, count - 1), max_size=30)))
    return Sent(blocks, positions, marks, bounds, draw(st.booleans()))


def chain_of(sent: Sent, provider: str) -> Chain:
    chain = Chain.of_blocks(
        MODEL[provider],
        [block.encode() for block in sent.blocks],
        SIZE,
        marks=[Mark(at, ttl) for at, ttl in sorted(sent.marks.items())],
        boundaries=sent.bounds,
        controls=Controls(mode="explicit" if sent.explicit else None),
    )
    return replace(chain, positions=tuple(sent.positions))


def emulator(provider: str, minimum: int) -> BreakpointEmulator:
    rules = rules_for(provider, MODEL[provider], TODAY)[0]
    turned = with_knobs(rules, {"minimum": minimum, "lookups": [2, 3, 4]})
    return BreakpointEmulator(turned, MODEL[provider], count=lambda segment: 1)


def compare(lookup: Lookup, expected: Counter[str]) -> None:
    usage = lookup.usage
    assert {name: tokens for name, tokens in asdict(usage).items() if tokens} == dict(expected)
    assert lookup.lost >= 0
    if usage.read:
        assert (lookup.reason is None) == (lookup.lost == 0)
        assert lookup.entry
    else:
        assert lookup.reason is not None


def play(data: st.DataObject, provider: str) -> None:
    minimum = data.draw(st.sampled_from([1, 50, 120]))
    real = emulator(provider, minimum)
    naive = Naive(minimum, 20 if provider == "anthropic" else None, (2, 3, 4))
    waiting: list[tuple[Ticket, Sent]] = []
    now = 0.0
    for _ in range(data.draw(st.integers(1, 25))):
        now += data.draw(st.sampled_from([0.0, 1.0, 100.0, 299.0, 1700.0, 3000.0]))
        step = data.draw(st.sampled_from(["send", "send", "begin", "answer", "abort", "save"]))
        if step in ("send", "begin"):
            sent = data.draw(requests(provider))
            chain = chain_of(sent, provider)
            peeked = real.peek(chain, now)
            begun = real.begin(chain, now)
            assert begun.lookup == peeked
            compare(begun.lookup, naive.look(sent, now))
            waiting.append((begun, sent))
        if step == "save":
            other = emulator(provider, minimum)
            other.load(real.save())
            assert other.entries == real.entries
            real, waiting = other, []
        if step in ("send", "answer") and waiting:
            ticket, sent = waiting.pop(-1 if step == "send" else 0)
            ticket.first_byte(now)
            naive.log.append(sent)
        if step == "abort" and waiting:
            waiting.pop(0)[0].abort()


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_anthropic_does_what_the_log_says(data: st.DataObject) -> None:
    play(data, "anthropic")


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_openai_does_what_the_log_says(data: st.DataObject) -> None:
    play(data, "openai")
