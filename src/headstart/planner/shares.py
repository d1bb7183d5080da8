"""What requests of one moment have in common: prefixes that one of them writes, and that
others could read if they came a little later."""

from __future__ import annotations

from typing import Final, NamedTuple

from headstart.planner.contract import Key, Rates
from headstart.prompt import Chain
from headstart.providers import Rules
from headstart.providers.breakpoints_places import places_of
from headstart.providers.granular_route import partition

MOST_PREFIXES: Final = 256
"""Of one request, the longest ones."""
LEAST_SHARE: Final = 0.2
"""Of what a request's input costs, that waiting has to save. Chosen, not measured: below it,
time to first byte is taken to be worth more."""

Group = tuple[Key, str, bytes]
"""Whose entry, where only some may read it, and the prefix's digest: those with the same
group could share one entry."""
Prefix = tuple[Group, int]
"""With its tokens."""


class Runner(NamedTuple):
    """One request as it goes out. Free of content."""

    key: Key
    writes: tuple[Prefix, ...]
    """What its first byte makes readable."""
    reads: tuple[Prefix, ...]
    """What it would read if it were there, and is worth waiting for; the longest first."""
    leads: bool
    """Its first byte comes long before its last, or it writes and does nothing else."""


def runner_of(
    key: Key,
    chain: Chain,
    rules: Rules,
    rates: Rates,
    minimum: int,
    *,
    read: int,
    leads: bool,
) -> Runner | None:
    """A request with its directives as they go out; ``minimum`` and ``read`` are tokens: of
    a prefix that is cached, and that it would read now. None where no other request has to do
    with it: its provider makes nothing readable at the first byte, or nothing that it writes
    is long enough."""
    if rules.readable != "first_byte" or rules.delay:
        return None
    if rules.machines > 1 and chain.controls.key is None:
        return None  # nobody knows whether two requests meet on one machine
    writes, looked = _segments(chain, rules)
    where = partition(rules, chain, "")
    ends, least = chain.ends, max(minimum, read + 1)

    def prefixes(segments: set[int], tokens: int) -> tuple[Prefix, ...]:
        long = [segment for segment in segments if ends[segment] >= tokens]
        latest = sorted(long, reverse=True)[:MOST_PREFIXES]
        return tuple(((key, where, chain.keys[segment]), ends[segment]) for segment in latest)

    led = prefixes(writes, least)
    if not led:
        return None
    worth = max(least, read + _least_gain(chain.tokens, read, rates))
    return Runner(key, led, prefixes(looked, worth), leads)


def _segments(chain: Chain, rules: Rules) -> tuple[set[int], set[int]]:
    """At whose ends something is written, and at whose ends something is looked for."""
    if rules.scheme == "granular":
        every = set(range(max(0, len(chain.ends) - MOST_PREFIXES), len(chain.ends)))
        return every, every
    if rules.scheme != "breakpoints":
        return set(), set()
    places = places_of(rules).places(chain)
    return {mark.segment for mark in places.writes}, places.looked()


def _least_gain(tokens: int, read: int, rates: Rates) -> int:
    """Tokens beyond ``read`` whose being read saves the least share of the input's price."""
    fresh = rates.writes[0][1] if rates.writes else 1.0
    saved = fresh - rates.read
    if saved <= 0:
        return tokens + 1
    cost = read * rates.read + (tokens - read) * fresh
    return max(1, round(LEAST_SHARE * cost / saved))
