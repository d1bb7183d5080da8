from __future__ import annotations

from datetime import date
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.prompt import Chain, Controls, Kind
from headstart.providers.granular import GranularEmulator
from headstart.providers.granular_base import Flow
from headstart.providers.rules import Lifetime, Rules, Source
from headstart.usage import MissReason, Usage
from tests.providers.naive_times import NaiveTimes
from tests.providers.prompts import blocks, emulator, prompt, send, text, words

SYSTEM = ("system", text(3000))


def made(**rules: object) -> GranularEmulator:
    row = Rules("p", "f", ("*",), date(2026, 1, 1), "granular", (Lifetime(300, None),))
    named = {name: getattr(row, name) for name in Rules.__slots__} | rules
    return GranularEmulator(Rules(**named), "m", count=words)


def reads(flow: Flow, *names: str) -> list[int]:
    """What a sequence of prompts reads, each a word of one-letter blocks of 16 tokens."""
    return [send(flow, of(name), now) for now, name in enumerate(names)]


def of(name: str, **controls: object) -> Chain:
    return Chain.of_blocks("m", [c.encode() for c in name], 16, controls=Controls(**controls))  # type: ignore[arg-type]


def test_the_longest_common_prefix_is_read() -> None:
    assert reads(made(), "ab", "abc", "abd", "ax", "b") == [0, 32, 32, 16, 0]


def test_hits_come_in_steps() -> None:
    assert reads(made(granularity=48), "abcde", "abcdx", "abx") == [0, 48, 0]


def test_a_report_is_rounded_down() -> None:
    assert reads(made(report=40), "abc", "abcd", "ax") == [0, 40, 0]


def test_tokens_that_the_provider_puts_first_are_part_of_the_steps() -> None:
    # 30 hidden + 80 held = 110: two steps of 48 end at 96, of which 66 are the prompt's.
    assert reads(made(granularity=48, hidden=30, report=4), "abcde", "abcdef") == [0, 64]


def test_the_end_of_a_prompt_may_have_to_be_computed() -> None:
    assert reads(made(granularity=16, holdback=1), "abc", "abc", "abcd") == [0, 32, 48]


def test_a_short_prefix_is_not_read_and_says_so() -> None:
    flow = made(minimum=48)
    assert reads(flow, "ab", "ab") == [0, 0]
    lookup = flow.peek(of("ab"), 9)
    assert (lookup.reason, lookup.lost) == (MissReason.BELOW_MINIMUM, 32)
    assert flow.entries == 0


def test_what_is_idle_too_long_has_expired() -> None:
    flow = made()
    send(flow, of("abc"), 0)
    assert flow.peek(of("abc"), 299).usage.read == 48
    lookup = flow.peek(of("abc"), 300)
    assert (lookup.usage.read, lookup.reason, lookup.lost) == (0, MissReason.EXPIRED, 48)


def test_a_read_refreshes_what_it_reads_and_no_more() -> None:
    flow = made()
    send(flow, of("abc"), 0)
    send(flow, of("ab"), 200)
    assert flow.peek(of("abc"), 400).usage.read == 32


def test_where_reads_do_not_refresh_a_write_ends_in_time() -> None:
    flow = made(lifetimes=(Lifetime(300, None, refresh=False),))
    assert [send(flow, of("ab"), now) for now in (0, 200, 299, 300, 400)] == [0, 32, 32, 0, 32]


def test_a_prompt_can_be_read_once_its_response_began() -> None:
    flow = made()
    first = flow.begin(of("ab"), 0)
    lookup = flow.peek(of("abc"), 1)
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.NOT_YET_READABLE)
    assert lookup.lost == 32
    first.first_byte(2)
    assert flow.peek(of("abc"), 3).usage.read == 32


def test_an_engine_s_blocks_can_be_read_at_once() -> None:
    flow = made(readable="at_once")
    first = flow.begin(of("ab"), 0)
    assert flow.peek(of("abc"), 0).usage.read == 32
    first.abort()
    assert flow.peek(of("abc"), 0).usage.read == 0


def test_a_request_without_a_response_leaves_nothing() -> None:
    flow = made()
    ticket = flow.begin(of("ab"), 0)
    ticket.abort()
    ticket.first_byte(1)
    assert flow.entries == 0
    assert flow.peek(of("ab"), 2).reason is MissReason.FIRST_SIGHT


@pytest.mark.parametrize(
    ("knob", "control"),
    [("key_partitions", "key"), ("user_partitions", "user"), ("salt_partitions", "salt")],
)
def test_partitions(knob: str, control: str) -> None:
    apart, together = made(**{knob: True}), made()
    for flow in (apart, together):
        send(flow, of("ab", **{control: "one"}), 0)
    other = of("ab", **{control: "two"})
    assert together.peek(other, 1).usage.read == 32
    lookup = apart.peek(other, 1)
    assert (lookup.usage.read, lookup.reason, lookup.lost) == (0, MissReason.SCOPE_CHANGED, 32)
    assert apart.peek(of("ab", **{control: "one"}), 1).usage.read == 32


def test_scopes_share_nothing() -> None:
    flow = made()
    send(flow, of("ab"), 0, scope="acme")
    assert flow.peek(of("ab"), 1, scope="acme").usage.read == 32
    lookup = flow.peek(of("ab"), 1, scope="else")
    assert (lookup.usage.read, lookup.reason) == (0, MissReason.SCOPE_CHANGED)


def test_the_longer_of_two_unbilled_lifetimes_counts() -> None:
    flow = made(
        lifetimes=(Lifetime(300, None), Lifetime(3600, None)),
        retentions={"short": 300, "long": 3600},
    )
    send(flow, of("ab"), 0)
    send(flow, of("ab", retention="long"), 10)
    send(flow, of("ab"), 20)
    assert flow.peek(of("ab"), 3000).usage.read == 32


def test_billed_writes_go_into_their_bucket() -> None:
    flow = made(lifetimes=(Lifetime(300, "write_5m"), Lifetime(3600, "write_1h")), granularity=16)
    assert flow.peek(blocks(3, tokens=40), 0).usage == Usage(fresh=8, write_5m=32)
    send(flow, blocks(2), 0)
    long = blocks(3, tokens=40, controls=Controls(ttl=3600))
    assert flow.peek(long, 1).usage == Usage(fresh=8, read=32)
    long = blocks(4, controls=Controls(ttl=3600))
    assert flow.peek(long, 1).usage == Usage(read=32, write_1h=32)


def test_a_lifetime_that_is_not_offered_is_said() -> None:
    flow = made()
    assert any("60 s" in w for w in flow.peek(of("a", ttl=60.0), 0).warnings)
    assert any("24h" in w for w in flow.peek(of("a", retention="24h"), 0).warnings)


def test_knobs_at_their_default_are_said() -> None:
    flow = made(sources={"minimum": Source("ours", date(2026, 1, 1), "U")})
    assert flow.peek(of("a"), 0).warnings == ("minimum: p does not say; taken as 0",)


def test_texts_that_differ_near_the_end_of_one_message_share_the_rest() -> None:
    flow = emulator("openai", "gpt-4.1")
    head, tail = text(3000), text(200, "t")
    send(flow, prompt(f"{head} one {tail}", model="gpt-4.1"), 0)
    lookup = flow.peek(prompt(f"{head} two {tail} and more", model="gpt-4.1"), 1)
    assert 2816 <= lookup.usage.read <= 2944
    assert lookup.reason is MissReason.DIVERGED
    assert lookup.divergence is not None
    assert lookup.divergence.segment == 0


def test_where_two_prompts_part() -> None:
    flow = emulator("openai", "gpt-4.1")
    ticket = flow.begin(prompt(SYSTEM, "one", "same"), 0)
    ticket.first_byte(0)
    lookup = flow.peek(prompt(SYSTEM, "two", "same"), 1)
    assert lookup.divergence == (1, None, None, ticket.request)
    longer = flow.peek(prompt(SYSTEM, "one", "same", "more"), 1)
    assert (longer.reason, longer.divergence) == (None, None)


def test_settings_and_models_are_part_of_the_prefix() -> None:
    flow = emulator("openai", "gpt-4.1")
    send(flow, prompt(SYSTEM, settings={"parallel_tool_calls": "false"}), 0)
    changed = flow.peek(prompt(SYSTEM), 1)
    assert (changed.usage.read, changed.reason) == (0, MissReason.SETTINGS_CHANGED)
    assert changed.lost == 2944
    other = flow.peek(prompt(SYSTEM, model="n", settings={"parallel_tool_calls": "false"}), 1)
    assert other.reason is MissReason.MODEL_CHANGED
    free = prompt(SYSTEM, settings={"parallel_tool_calls": "false", "temperature": "1"})
    assert flow.peek(free, 1).usage.read == 2944


def test_changed_tools() -> None:
    flow = emulator("openai", "gpt-4.1")
    send(flow, prompt(("tools", "a tool"), SYSTEM), 0)
    changed = flow.peek(prompt(("tools", "another tool"), SYSTEM), 1)
    assert changed.usage.read == 0
    assert changed.reason is MissReason.TOOLS_CHANGED
    assert changed.divergence is not None
    assert changed.divergence.segment == 0


def test_room_that_is_short_evicts() -> None:
    flow = made(capacity=48)
    assert reads(flow, "ab", "cd", "ab") == [0, 0, 16]
    flow = made(capacity=32)
    assert reads(flow, "ab", "cd") == [0, 0]
    lookup = flow.peek(of("ab"), 5)
    assert (lookup.reason, lookup.lost) == (MissReason.EVICTED, 32)


def test_entries_are_bounded() -> None:
    row = made().rules
    flow = GranularEmulator(row, "m", count=words, limit=5)
    for now in range(50):
        send(flow, blocks(4, tag=f"{now}-"), now)
    assert flow.entries <= 5
    assert flow.peek(blocks(4, tag="49-"), 50).usage.read == 64


def test_a_model_without_a_cache() -> None:
    flow = made(scheme="none", lifetimes=())
    assert reads(flow, "ab", "ab") == [0, 0]
    assert flow.peek(of("ab"), 9).reason is MissReason.UNSUPPORTED


class PerToken:
    """Reads at a tenth."""

    def cost(self, usage: Usage) -> float | None:
        return usage.fresh + usage.read / 10

    def uncached(self, usage: Usage) -> float | None:
        return float(usage.input)


def test_costs_are_the_price_s() -> None:
    flow = GranularEmulator(made().rules, "m", count=words, price=PerToken())
    send(flow, of("ab"), 0)
    lookup = flow.peek(of("abc"), 1)
    assert (lookup.cost, lookup.uncached) == (16 + 3.2, 48.0)
    assert made().peek(of("abc"), 1).cost is None


def test_a_clock_that_goes_back_is_held() -> None:
    flow = made()
    send(flow, of("ab"), 1000)
    send(flow, of("ab"), 0)
    assert flow.peek(of("ab"), 1299).usage.read == 32
    assert flow.peek(of("ab"), 0).usage.read == 32


def test_peeking_into_the_future_changes_nothing() -> None:
    flow = made()
    send(flow, of("ab"), 0)
    before = flow.save()
    assert flow.peek(of("abc"), 10_000).reason is MissReason.EXPIRED
    assert flow.save() == before
    assert flow.peek(of("ab"), 1).usage.read == 32


def test_empty_prompts_are_nothing() -> None:
    flow = made()
    assert send(flow, Chain.of_blocks("m", [], 16), 0) == 0
    assert flow.peek(prompt(), 0).usage == Usage()


# -- what the provider reported --------------------------------------------------------


def test_less_than_predicted_drops_what_was_not_there() -> None:
    flow = made()
    send(flow, of("abcd"), 0)
    send(flow, of("abcx"), 0)
    ticket = flow.begin(of("abcd"), 1)
    ticket.first_byte(1)
    assert flow.reconcile(ticket, Usage(fresh=48, read=16)) is MissReason.EVICTED
    assert flow.peek(of("abcd"), 2).usage.read == 64  # it wrote them itself
    assert flow.peek(of("abcx"), 2).usage.read == 48


def test_before_the_answer_only_what_was_read_stays() -> None:
    flow = made()
    send(flow, of("abcd"), 0)
    ticket = flow.begin(of("abcd"), 1)
    assert flow.reconcile(ticket, Usage(fresh=48, read=16)) is MissReason.EVICTED
    assert flow.peek(of("abcd"), 2).usage.read == 16


def test_as_predicted_or_more_is_no_miss() -> None:
    flow = made()
    send(flow, of("ab"), 0)
    ticket = flow.begin(of("abc"), 1)
    assert flow.reconcile(ticket, Usage(fresh=16, read=32)) is None
    assert flow.reconcile(ticket, Usage(read=48)) is None


def test_another_count_of_the_same_prompt_is_compared_by_its_share() -> None:
    flow = made(granularity=16)
    send(flow, of("abcdefgh"), 0)
    ticket = flow.begin(of("abcdefgh"), 1)
    assert flow.reconcile(ticket, Usage(fresh=14, read=246)) is None
    assert flow.reconcile(ticket, Usage(fresh=200, read=60)) is MissReason.EVICTED


def test_without_a_routing_hint_a_routed_request_went_elsewhere() -> None:
    for controls, reason in (
        ({}, MissReason.ROUTED_ELSEWHERE),
        ({"key": "k"}, MissReason.EVICTED),
        ({"session": "s"}, MissReason.EVICTED),
    ):
        flow = made(routed=True)
        send(flow, of("ab", **controls), 0)
        ticket = flow.begin(of("ab", **controls), 1)
        assert flow.reconcile(ticket, Usage(fresh=32)) is reason


def test_tickets_of_others_are_refused() -> None:
    ticket = made().begin(of("ab"), 0)
    with pytest.raises(ValueError, match="another emulator"):
        made().reconcile(ticket, Usage())


# -- state -----------------------------------------------------------------------------


def test_state_goes_on_where_it_was() -> None:
    flow, again = made(), made()
    send(flow, of("abc"), 0)
    send(flow, of("abd"), 5)
    again.load(flow.save())
    assert again.entries == flow.entries
    for name, now in (("abc", 299), ("abc", 301), ("abd", 304), ("abd", 400)):
        assert again.peek(of(name), now).usage == flow.peek(of(name), now).usage


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x93\x01\x02\x03", b"not msgpack at all"])
def test_what_was_not_saved_is_refused_and_changes_nothing(data: bytes) -> None:
    flow = made()
    send(flow, of("ab"), 0)
    with pytest.raises(ValueError, match="not a saved state"):
        flow.load(data)
    assert flow.peek(of("ab"), 1).usage.read == 32


def test_state_of_another_provider_is_refused() -> None:
    with pytest.raises(ValueError, match="state of 'q'"):
        made().load(made(provider="q").save())


def test_rules_of_another_scheme_are_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        made(scheme="units")


# -- against a twin that walks everything ----------------------------------------------

OPS = st.tuples(
    st.sampled_from(["send", "begin", "answer", "abort", "peek", "reload"]),
    st.text("ab", min_size=1, max_size=6),
    st.sampled_from(["", "x"]),
    st.floats(0, 150),
)


@given(st.lists(OPS, max_size=40), st.sampled_from([1, 16, 24]), st.sampled_from([0, 48]))
@settings(max_examples=100, deadline=None)
def test_it_does_what_a_list_of_prompts_does(
    ops: list[tuple[str, str, str, float]], granularity: int, minimum: int
) -> None:
    flow = made(granularity=granularity, minimum=minimum)
    twin = NaiveTimes(flow.rules.lifetimes)
    open_: list[tuple[object, str, str]] = []
    now = 0.0

    def expected(name: str, scope: str) -> int:
        tokens = 16 * twin.held(tuple(c.encode() for c in name), scope, now)[0]
        return tokens // granularity * granularity if tokens >= minimum else 0

    def keep(name: str, scope: str) -> None:
        if 16 * len(name) >= minimum:
            twin.write(tuple(c.encode() for c in name), scope, 0, now)

    for kind, name, scope, wait in ops:
        now += wait
        assert flow.peek(of(name), now, scope=scope).usage.read == expected(name, scope)
        if kind == "send":
            send(flow, of(name), now, scope)
            keep(name, scope)
        elif kind == "begin":
            open_.append((flow.begin(of(name), now, scope=scope), name, scope))
        elif kind in ("answer", "abort") and open_:
            ticket, name, scope = open_.pop()
            if kind == "answer":
                ticket.first_byte(now)  # type: ignore[attr-defined]
                keep(name, scope)
            else:
                ticket.abort()  # type: ignore[attr-defined]
        elif kind == "reload":
            flow.load(flow.save())


def test_every_kind_is_a_section() -> None:
    assert {Kind.TOOL} == set(emulator("openai", "gpt-5.5").rules.settings.values())


def test_no_lifetime_is_for_ever() -> None:
    flow = made(lifetimes=(Lifetime(inf, None),))
    send(flow, of("ab"), 0)
    assert flow.peek(of("ab"), 1e12).usage.read == 32
