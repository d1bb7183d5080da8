"""Two clairvoyant bounds: what no policy can beat that sets directives at the known places.

The problem is relaxed to one for each run of tokens that are always used together: knowing
all of its future, what does it cost at least? A read may refresh it, and make it last longer,
at no further price; any number of directives may stand at once. A run can be read only if
an earlier request had a place for a directive at its end or after it, on the same path; where
it can't, it may be paid as plain input and stay cached for those on another path.

A ping reads all of a prompt up to some place. Its price may be shared out among the prompt's
runs in any way that gives no leading part of them more than reading that part costs: by
their tokens, or all of it to the runs that the request brought as new (each by its share of
the new tokens). Either way every policy pays at least as much as its runs, so the sum over
all runs is a bound, and the larger of the two sums is too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, inf
from typing import NamedTuple

from benchmarks.replay.calls import Call
from benchmarks.replay.model import LONG, READ, SHORT, WRITES

_TTLS = (SHORT, LONG)


class _Run(NamedTuple):
    """Least cost for each state after the last use: not cached, for 5 minutes, an hour."""

    none: float
    short: float
    long: float
    used: float
    ping: float
    """Its share of what a ping costs until its next use."""


_NEW = _Run(0.0, inf, inf, -inf, 0.0)


def bound(calls: Sequence[Call], pings: bool) -> float:
    """Units of plain input that these calls cost at least."""
    cuts, readable = _cuts(calls)
    least = _least(calls, cuts, readable, pings, to_new=False)
    return max(least, _least(calls, cuts, readable, pings, to_new=True)) if pings else least


def _least(
    calls: Sequence[Call], cuts: set[bytes], readable: list[int], pings: bool, *, to_new: bool
) -> float:
    runs: dict[bytes, _Run] = {}
    plain = 0.0
    for call, limit in zip(calls, readable, strict=True):
        plain += call.tokens - call.covered
        found = list(_runs(call, cuts))
        new = sum(tokens for last, tokens in found if call.keys[last] not in runs)
        for last, tokens in found:
            key = call.keys[last]
            share = READ * tokens
            if to_new:
                share = 0.0 if key in runs else share * call.covered / new
            run = runs.get(key, _NEW)
            runs[key] = _used(run, call.time, tokens, last <= limit, pings)._replace(ping=share)
    return plain + sum(min(run.none, run.short, run.long) for run in runs.values())


def _cuts(calls: Sequence[Call]) -> tuple[set[bytes], list[int]]:
    """Digests at which runs end, and for each call the last block that it may read."""
    seen: set[bytes] = set()
    places: set[bytes] = set()
    cuts: set[bytes] = set()
    readable = []
    for call in calls:
        keys = call.keys
        shared, high = 0, len(keys)
        while shared < high:
            middle = (shared + high + 1) // 2
            if keys[middle - 1] in seen:
                shared = middle
            else:
                high = middle - 1
        limit = next((b for b in range(shared - 1, -1, -1) if keys[b] in places), -1)
        readable.append(limit)
        cuts.update(keys[block] for block in {shared - 1, limit, len(keys) - 1} if block >= 0)
        seen.update(keys[shared:])
        places.update(keys[block] for block in call.places)
    return cuts, readable


def _runs(call: Call, cuts: set[bytes]) -> Iterator[tuple[int, int]]:
    """(last block, tokens) of each run of a prompt."""
    before = 0
    for block, key in enumerate(call.keys):
        if key in cuts:
            end = call.end(block)
            yield block, end - before
            before = end


def _used(run: _Run, now: float, tokens: int, readable: bool, pings: bool) -> _Run:
    """The next use of a run."""
    gap = now - run.used
    live = inf
    lost = run.none
    for cost, ttl in zip((run.short, run.long), _TTLS, strict=True):
        if gap < ttl:
            live = min(live, cost)
        elif pings and cost < inf:
            live = min(live, cost + run.ping * _bridge(gap, ttl))
        lost = min(lost, cost)
    live += READ * tokens if readable else tokens
    return _Run(
        lost + tokens,
        min(live, lost + WRITES[SHORT] * tokens),
        min(live, lost + WRITES[LONG] * tokens),
        now,
        0.0,
    )


def _bridge(gap: float, ttl: float) -> int:
    """The fewest pings that keep an entry alive; the first may make it last longer."""
    return min(floor(gap / ttl), 1 + max(0, floor((gap - ttl) / LONG)))
