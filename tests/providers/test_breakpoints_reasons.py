"""Which of several reasons is given; each one by itself is a conformance case."""

from __future__ import annotations

from headstart.providers.contract import Divergence
from headstart.usage import MissReason
from tests.providers.marked import GPT, Cache

SYSTEM, ASK = "system S 600 5m", "user q 100 5m"


def test_the_reason_that_costs_most_is_given() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, "user other 100")
    cache.send(0, "system S 600", ASK, settings={"tool_choice": "1"})
    lookup = cache.peek(400, SYSTEM, ASK)
    assert (lookup.reason, lookup.lost) == (MissReason.TOOL_CHOICE_CHANGED, 700)


def test_what_is_read_is_not_lost() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, ASK, "user more 50 5m")
    lookup = cache.peek(1, SYSTEM, ASK, "user else 50 5m")
    assert (lookup.usage.read, lookup.lost, lookup.reason) == (700, 0, None)
    assert lookup.divergence is None


def test_where_it_diverged_is_told_with_any_reason() -> None:
    cache = Cache()
    ticket = cache.begin(0, "system S 600", "user a 10", "user b 10 5m")
    ticket.first_byte(0)
    lookup = cache.peek(1, "system S 600", "user x 10", "user b 10 5m")
    assert lookup.divergence == Divergence(1, None, None, ticket.request)
    assert (lookup.reason, lookup.lost) == (MissReason.DIVERGED, 600)


def test_seen_but_never_marked() -> None:
    cache = Cache()
    cache.send(0, "system S 600", "user a 10")
    lookup = cache.peek(1, SYSTEM, "user b 10")
    assert (lookup.reason, lookup.lost) == (MissReason.NO_BREAKPOINT, 600)


def test_seen_but_too_short_then() -> None:
    cache = Cache()
    cache.send(0, "system S 400 5m")
    lookup = cache.peek(1, "system S 400", "user b 200 5m")
    assert (lookup.reason, lookup.lost) == (MissReason.BELOW_MINIMUM, 400)


def test_a_repeated_request_without_a_marker_at_its_end_lacks_one() -> None:
    cache = Cache()
    cache.send(0, SYSTEM, "user q 50")
    lookup = cache.peek(1, SYSTEM, "user q 50")
    assert (lookup.usage.read, lookup.lost) == (600, 50)
    assert lookup.reason is MissReason.NO_BREAKPOINT


def test_expired_is_told_even_if_the_memory_of_prompts_has_moved_on() -> None:
    cache = Cache(limit=5000)
    cache.send(0, SYSTEM)
    for number in range(2000):
        cache.send(1, f"user n{number}_ 5")
    assert cache.peek(400, SYSTEM).reason is MissReason.EXPIRED


def test_what_is_on_its_way_comes_before_what_has_expired() -> None:
    cache = Cache()
    cache.send(0, SYSTEM)
    cache.begin(400, SYSTEM)
    assert cache.peek(401, SYSTEM).reason is MissReason.NOT_YET_READABLE


def test_a_prompt_below_the_minimum_lacks_no_marker() -> None:
    assert Cache().peek(0, "user q 10").reason is MissReason.BELOW_MINIMUM
    assert Cache("openai", GPT).peek(0, "user q 10 end").reason is MissReason.BELOW_MINIMUM
