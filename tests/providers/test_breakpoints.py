"""What no provider documents: aborts, clocks, limits, saved states, usage that disagrees."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.prompt import Chain, Mark
from headstart.providers import BreakpointEmulator, Lookup, Recall, Rules, rules_for
from headstart.usage import MissReason, Usage
from tests.providers.marked import CLAUDE, GPT, Cache
from tests.providers.prompts import TODAY, words

SYSTEM, ASK = "system S 600 5m", "user q 10"
RULES = rules_for("anthropic", CLAUDE, TODAY)[0]


def emulator(rules: Rules = RULES, **options: object) -> BreakpointEmulator:
    return BreakpointEmulator(rules, CLAUDE, count=words, **options)  # type: ignore[arg-type]


def numbered(number: int, *marks: int) -> Chain:
    """Four blocks of 600 tokens that no other number has."""
    blocks = [b"%d.%d" % (number, i) for i in range(4)]
    return Chain.of_blocks(CLAUDE, blocks, 600, marks=[Mark(at, 300.0) for at in marks])


def test_a_request_that_got_no_answer_leaves_nothing() -> None:
    cache = Cache()
    ticket = cache.begin(0, SYSTEM, ASK)
    ticket.abort()
    ticket.first_byte(1)
    assert cache.emulator.entries == 0
    assert cache.peek(2, SYSTEM, ASK).reason is MissReason.FIRST_SIGHT


def test_it_refreshes_nothing_either() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK)
    cache.begin(200, SYSTEM, ASK).abort()
    assert cache.peek(301, SYSTEM, ASK).usage.read == 0


def test_a_request_is_settled_once() -> None:
    cache = Cache()
    ticket = cache.begin(0, SYSTEM, ASK)
    ticket.first_byte(1)
    ticket.abort()
    ticket.first_byte(200)
    assert cache.peek(299, SYSTEM, ASK).usage.read == 600


def test_peeking_changes_nothing() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK)
    before = cache.emulator.save()
    cache.peek(250, SYSTEM, ASK)
    cache.peek(250, "system new 900 5m")
    assert cache.emulator.save() == before
    assert cache.read(301, SYSTEM, ASK) == 0


def test_a_clock_that_goes_back_is_held() -> None:
    cache = Cache()
    cache.send(1000, SYSTEM, ASK)
    assert cache.read(0, SYSTEM, ASK) == 600
    assert cache.peek(1299, SYSTEM, ASK).usage.read == 600
    assert cache.peek(1300, SYSTEM, ASK).usage.read == 0


def test_the_answer_s_clock_counts_as_well() -> None:
    cache = Cache()
    cache.begin(0, SYSTEM, ASK).first_byte(250)
    # Begun at 0 by its own clock, but after 250 by the one that counts.
    assert cache.send(100, SYSTEM, ASK).usage.read == 600
    assert cache.peek(549, SYSTEM, ASK).usage.read == 600


def test_an_entry_may_be_over_before_its_response_begins() -> None:
    cache = Cache()
    cache.begin(0, SYSTEM, ASK).first_byte(400)
    assert cache.peek(400, SYSTEM, ASK).reason is MissReason.EXPIRED


def test_entries_are_bounded_and_the_one_used_longest_ago_goes() -> None:
    made = emulator(limit=10)
    for number in range(50):
        made.begin(numbered(number, 3), number).first_byte(number)
        made.begin(numbered(0, 3), number).first_byte(number)
        assert made.entries <= 10
    assert made.peek(numbered(0, 3), 50).usage.read == 2400
    assert made.peek(numbered(41, 3), 50).usage.read == 2400
    lost = made.peek(numbered(40, 3), 50)
    assert (lost.usage.read, lost.reason, lost.lost) == (0, MissReason.EVICTED, 2400)


def test_state_moves_to_another_emulator() -> None:
    other = emulator()
    made = emulator()
    made.begin(numbered(1, 1, 3), 5.0).first_byte(6.0)
    made.begin(numbered(2, 3), 7.0)
    other.load(made.save())
    assert other.entries == 2
    assert other.peek(numbered(1, 3), 0).usage.read == 2400
    assert other.peek(numbered(1, 0), 8).reason is made.peek(numbered(1, 0), 8).reason
    assert other.save() == made.save()


@pytest.mark.parametrize("damage", [b"", b"\xc0", b"junk", b"\x93\x01\x02\x03"])
def test_what_is_no_saved_state_changes_nothing(damage: bytes) -> None:
    made = emulator()
    made.begin(numbered(1, 3), 0).first_byte(0)
    with pytest.raises(ValueError, match="not a saved state"):
        made.load(damage)
    with pytest.raises(ValueError, match="not a saved state"):
        made.load(made.save()[:-4])
    assert made.peek(numbered(1, 3), 1).usage.read == 2400


def test_another_provider_s_state_is_refused() -> None:
    with pytest.raises(ValueError, match="'openai'"):
        emulator().load(Cache("openai", GPT).emulator.save())


def test_a_saved_state_holds_no_content() -> None:
    cache = Cache()
    cache.send(0, "system SECRET 600 5m", ASK, settings={"tool_choice": '"SECRET"'}, user="SECRET")
    assert b"SECRET" not in cache.emulator.save()


def test_a_shared_memory_is_not_part_of_the_state() -> None:
    recall = Recall(100)
    made = emulator(recall=recall)
    made.begin(numbered(1, 3), 0).first_byte(0)
    other = emulator()
    other.load(made.save())
    assert other.entries == 1
    assert other.peek(numbered(1, 3), 1).usage.read == 2400


def test_usage_that_confirms_changes_nothing() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK)
    ticket = cache.begin(1, SYSTEM, ASK)
    ticket.first_byte(1)
    assert cache.emulator.reconcile(ticket, Usage(fresh=10, read=600)) is None
    assert cache.peek(2, SYSTEM, ASK).usage.read == 600


def test_an_entry_that_was_not_read_goes_and_is_written_anew_at_its_marker() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK)
    ticket = cache.begin(200, SYSTEM, ASK)
    ticket.first_byte(200)
    actual = Usage(fresh=10, write_5m=600)
    assert cache.emulator.reconcile(ticket, actual) is MissReason.EVICTED
    assert cache.peek(499, SYSTEM, ASK).usage.read == 600


def test_without_a_marker_of_its_own_it_is_gone() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK)
    grown = ("system S 600", "user q 10 5m")
    ticket = cache.begin(1, *grown)
    ticket.first_byte(1)
    assert cache.emulator.reconcile(ticket, Usage(write_5m=610)) is MissReason.EVICTED
    assert cache.peek(2, *grown).usage.read == 610
    lost = cache.peek(2, SYSTEM, "user r 10")
    assert (lost.usage.read, lost.reason) == (0, MissReason.EVICTED)


def test_usage_that_comes_before_the_response_counts_too() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK)
    ticket = cache.begin(1, SYSTEM, ASK)
    assert cache.emulator.reconcile(ticket, Usage(fresh=10, write_5m=600)) is MissReason.EVICTED
    assert cache.peek(2, SYSTEM, ASK).usage.read == 0
    ticket.first_byte(3)
    assert cache.peek(4, SYSTEM, ASK).usage.read == 600


def test_a_shorter_entry_that_was_read_stays() -> None:
    cache = Cache()
    both = ("system S 600 5m", "user q 100 5m")
    cache.send(0, *both)
    ticket = cache.begin(1, *both)
    ticket.first_byte(1)
    assert cache.emulator.reconcile(ticket, Usage(read=600, write_5m=100)) is MissReason.EVICTED
    assert cache.peek(2, SYSTEM, "user other 10").usage.read == 600


@pytest.mark.parametrize(("read", "reason"), [(1180, None), (1000, MissReason.EVICTED)])
def test_a_prompt_counted_otherwise_is_compared_by_its_share(
    read: int, reason: MissReason | None
) -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK)
    ticket = cache.begin(1, SYSTEM, ASK)
    assert cache.emulator.reconcile(ticket, Usage(fresh=1220 - read, read=read)) is reason


def test_routing_explains_a_miss_where_there_is_any() -> None:
    made = emulator(replace(RULES, routed=True))
    made.begin(numbered(1, 3), 0).first_byte(0)
    ticket = made.begin(numbered(1, 3), 1)
    assert made.reconcile(ticket, Usage(fresh=2400)) is MissReason.ROUTED_ELSEWHERE
    ticket.abort()
    assert made.peek(numbered(1, 3), 2).reason is MissReason.ROUTED_ELSEWHERE


def test_tickets_are_their_own_emulator_s() -> None:
    ticket = emulator().begin(numbered(1), 0)
    with pytest.raises(ValueError, match="another emulator"):
        emulator().reconcile(ticket, Usage())


def test_an_empty_prompt_is_no_trouble() -> None:
    made = emulator()
    empty = Chain.of_blocks(CLAUDE, [], 1)
    made.begin(empty, 0).first_byte(0)
    assert made.peek(empty, 1).usage == Usage()


@pytest.mark.parametrize(
    ("field", "value"), [("granularity", 64), ("delay", 1.0), ("machines", 3), ("hidden", 9)]
)
def test_rules_that_mean_nothing_here_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        emulator(replace(RULES, **{field: value}))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="scheme 'granular'"):
        emulator(replace(RULES, scheme="granular"))


def test_what_the_provider_does_not_say_is_said() -> None:
    said = Cache().peek(0, SYSTEM).warnings
    assert "renew: anthropic does not say; taken as entry" in said
    assert not any(text.startswith(("minimum", "since")) for text in said)
    assert Cache(model="claude-opus-6").peek(0, SYSTEM).warnings[0].startswith("anthropic has no")


@dataclass
class Flat:
    """Fresh tokens cost 1, read ones a tenth, written ones a quarter more."""

    def cost(self, usage: Usage) -> float:
        return usage.fresh + usage.read / 10 + 1.25 * usage.written

    def uncached(self, usage: Usage) -> float:
        return usage.input


def test_lookups_are_priced() -> None:
    made = emulator(price=Flat())
    first: Lookup = made.peek(numbered(1, 3), 0)
    assert (first.cost, first.uncached) == (3000, 2400)
    made.begin(numbered(1, 3), 0).first_byte(0)
    second = made.peek(numbered(1, 3), 1)
    assert (second.cost, second.uncached) == (240, 2400)
    assert Cache().peek(0, SYSTEM).cost is None


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([(3,), (1, 3), (0,), ()]), st.floats(0, 400)),
        max_size=12,
    )
)
def test_replaying_is_beginning_and_answering(
    sent: list[tuple[int, tuple[int, ...], float]],
) -> None:
    replayed, begun, now = emulator(), emulator(), 0.0
    for number, marks, pause in sent:
        chain = numbered(number, *marks)
        now += pause
        ticket = begun.begin(chain, now, scope=f"{number % 2:02x}" * 8)
        ticket.first_byte(now)
        usage = replayed.replay(chain, now, scope=f"{number % 2:02x}" * 8)
        assert usage == ticket.lookup.usage
    assert replayed.entries == begun.entries
