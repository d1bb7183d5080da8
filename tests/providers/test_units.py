from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.prompt import Chain, Controls
from headstart.usage import MissReason, Usage
from tests.providers.naive_times import NaiveTimes
from tests.providers.prompts import emulator, prompt, send, text

A = ("system", text(1000))


def of(name: str, **controls: object) -> Chain:
    return Chain.of_blocks("m", [c.encode() for c in name], 16, controls=Controls(**controls))  # type: ignore[arg-type]


def test_a_whole_unit_is_read_and_no_part_of_one() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    assert send(flow, of("abc"), 0) == 0
    assert flow.peek(of("abcd"), 10).usage.read == 48
    part = flow.peek(of("abx"), 10)
    assert (part.usage.read, part.reason, part.lost) == (0, MissReason.DIVERGED, 32)
    assert flow.peek(of("ab"), 10).usage.read == 0


def test_a_prefix_that_two_missed_becomes_a_unit() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    assert [send(flow, of(name), now) for now, name in ((0, "aab"), (10, "aac"))] == [0, 0]
    assert flow.peek(of("aad"), 20).usage.read == 32


def test_a_prefix_that_was_read_becomes_none() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    for now, name in ((0, "aa"), (10, "aab"), (20, "aac")):
        send(flow, of(name), now)
    assert flow.entries == 3


def test_units_take_time_to_build() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, of("ab"), 0)
    early = flow.peek(of("abc"), 4.9)
    assert (early.usage.read, early.reason, early.lost) == (0, MissReason.NOT_YET_READABLE, 32)
    assert flow.peek(of("abc"), 5).usage.read == 32


def test_a_second_request_does_not_start_the_building_anew() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, of("ab"), 0)
    send(flow, of("ab"), 4)
    assert flow.peek(of("ab"), 5).usage.read == 32


def test_before_its_answer_a_request_is_no_unit() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    ticket = flow.begin(of("ab"), 0)
    assert flow.peek(of("abc"), 50).reason is MissReason.NOT_YET_READABLE
    ticket.abort()
    assert flow.peek(of("abc"), 50).reason is MissReason.FIRST_SIGHT


def test_the_end_of_the_output_is_a_unit_once_it_is_sent_back() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, prompt(A, "question"), 0)
    said, other = ("assistant", "yes it is"), ("assistant", "no")
    assert flow.peek(prompt(A, "question", said, "more"), 10).usage.read == 1004
    send(flow, prompt(A, "question", said, "more"), 10)
    # The answer is known now: another one was never said.
    assert flow.peek(prompt(A, "question", other, "more"), 20).usage.read == 1001
    assert flow.peek(prompt(A, "question", said, "else"), 20).usage.read == 1004


def test_only_what_follows_at_once_is_an_answer() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, prompt(A, "question"), 0)
    late = prompt(A, "question", "and", ("assistant", "yes"), "more")
    assert flow.peek(late, 10).usage.read == 1001


def test_units_at_fixed_intervals() -> None:
    flow = emulator("deepseek", "deepseek-flash", interval=32)
    send(flow, of("abcde"), 0)
    assert flow.peek(of("abcxx"), 10).usage.read == 32
    assert flow.peek(of("abcdx"), 10).usage.read == 64


def test_users_are_apart() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, of("ab", user="one"), 0)
    other = flow.peek(of("ab", user="two"), 10)
    assert (other.usage.read, other.reason) == (0, MissReason.SCOPE_CHANGED)


def test_units_expire_unless_they_are_used() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, of("ab"), 0)
    send(flow, of("abc"), 7000)
    assert flow.peek(of("abd"), 14_000).usage.read == 32
    gone = flow.peek(of("abd"), 14_200)
    assert (gone.usage.read, gone.reason, gone.lost) == (0, MissReason.EXPIRED, 32)


def test_less_than_predicted_drops_units() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, of("a"), 0)
    send(flow, of("abc"), 10)
    ticket = flow.begin(of("abcd"), 20)
    assert ticket.lookup.usage.read == 48
    assert flow.reconcile(ticket, Usage(fresh=48, read=16)) is MissReason.EVICTED
    assert flow.peek(of("abcd"), 20).usage.read == 16
    ticket.first_byte(30)
    assert flow.peek(of("abcd"), 40).usage.read == 64


def test_an_answer_that_was_not_there_is_not_predicted_again() -> None:
    flow = emulator("deepseek", "deepseek-flash")
    send(flow, prompt(A, "question"), 0)
    turn = prompt(A, "question", ("assistant", "edited"), "more")
    ticket = flow.begin(turn, 10)
    assert ticket.lookup.usage.read == 1002
    assert flow.reconcile(ticket, Usage(fresh=2, read=1001)) is MissReason.EVICTED
    assert flow.peek(turn, 10).usage.read == 1001


def test_units_are_bounded() -> None:
    flow = type(emulator("deepseek", "deepseek-flash"))(
        emulator("deepseek", "deepseek-flash").rules, "m", count=lambda s: 1, limit=4
    )
    for now in range(40):
        send(flow, of(f"{now:03}"), now)
    assert flow.entries <= 4


def test_state_goes_on_where_it_was() -> None:
    flow, again = emulator("deepseek", "deepseek-flash"), emulator("deepseek", "deepseek-flash")
    send(flow, prompt(A, "one"), 0)
    send(flow, prompt(A, "two"), 3)
    again.load(flow.save())
    for now in (4, 6, 9, 7201, 7300):
        for turn in (prompt(A, "one"), prompt(A, "x"), prompt(A, "two", ("assistant", "y"))):
            assert again.peek(turn, now).usage == flow.peek(turn, now).usage


def test_negative_knobs_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        emulator("deepseek", "deepseek-flash", delay=-1.0)


# -- against a twin that walks everything ----------------------------------------------


@dataclass
class NaiveUnit:
    built: float
    used: float


class NaiveUnits:
    """Units by their text; prompts by all their prefixes."""

    def __init__(self, flow: object, interval: int, delay: float) -> None:
        self.lives = flow.rules.lifetimes  # type: ignore[attr-defined]
        self.interval, self.delay = interval, delay
        self.units: dict[str, NaiveUnit] = {}
        self.prompts = NaiveTimes(self.lives)

    def live(self, name: str, now: float) -> bool:
        return name in self.units and now < self.units[name].used + self.lives[0].seconds

    def hit(self, name: str, now: float) -> int:
        for size in range(len(name), 0, -1):
            if self.live(name[:size], now) and self.units[name[:size]].built <= now:
                return size
        return 0

    def keep(self, name: str, now: float) -> None:
        path = tuple(c.encode() for c in name)
        hit, common = self.hit(name, now), self.prompts.held(path, "", now)[0]
        ends = {size for size in range(1, hit + 1) if name[:size] in self.units} | {len(name)}
        ends |= {common} if common > hit else set()
        if self.interval:
            steps = range(self.interval, 16 * len(name) + 1, self.interval)
            ends |= {tokens // 16 for tokens in steps if tokens >= 16}
        for size in ends:
            old = self.units.get(name[:size]) if self.live(name[:size], now) else None
            built = min(old.built, now + self.delay) if old else now + self.delay
            self.units[name[:size]] = NaiveUnit(built, now)
        self.prompts.write(path, "", 0, now)


NAMES = st.text("ab", min_size=1, max_size=6)


@given(
    st.lists(st.tuples(NAMES, st.floats(0, 3000)), max_size=30), st.sampled_from([0, 16, 24, 40])
)
@settings(max_examples=100, deadline=None)
def test_it_does_what_a_dictionary_of_texts_does(
    sent: list[tuple[str, float]], interval: int
) -> None:
    flow = emulator("deepseek", "deepseek-flash", interval=interval)
    twin, now = NaiveUnits(flow, interval, flow.rules.delay), 0.0
    for name, wait in sent:
        now += wait
        assert send(flow, of(name), now) == 16 * twin.hit(name, now)
        twin.keep(name, now)
        assert flow.entries == len(twin.units)
