"""Simulated replicas: each has one prefill at a time, in the order of arrival, and the
project's own prefix tree as its cache. Events are arrivals and ends of prefills."""

from __future__ import annotations

import heapq
from statistics import quantiles
from typing import Final, NamedTuple

from benchmarks.routing_parts.load import Ask, Load, Pace
from benchmarks.routing_parts.policies import Policy
from headstart.prefix import RadixTree
from headstart.prefix.simulate import Cache

WINDOWS: Final = 4
"""Into so many parts the time of arrivals is cut; imbalance is a mean over all but the first,
in which every cache is cold."""


class Outcome(NamedTuple):
    """One policy on one load."""

    hit: float
    """Share of all prompt tokens."""
    p50: float
    p95: float
    """Seconds from arrival to the end of prefill."""
    imbalance: float
    """Of the work (seconds of prefill) done in a window, the most loaded replica's over the
    mean of all; the mean over windows."""
    busy: float
    """Share of the replicas' time after the first window."""


def run(load: Load, replicas: int, blocks: int, policy: Policy, pace: Pace) -> Outcome:
    """Every call of a load."""
    caches = [Cache(RadixTree(page=1, width=4), blocks) for _ in range(replicas)]
    free = [0.0] * replicas
    arrivals = [(session.start, number, 0) for number, session in enumerate(load.sessions)]
    heapq.heapify(arrivals)
    under_way: list[tuple[float, int, int, Ask]] = []
    took: list[float] = []
    spells: list[tuple[float, float, int]] = []
    hit = serial = 0
    while arrivals:
        now, number, turn = heapq.heappop(arrivals)
        while under_way and under_way[0][0] <= now:
            _, _, replica, ask = heapq.heappop(under_way)
            policy.done(replica, ask)
        asks = load.sessions[number].asks
        ask = asks[turn]
        replica = policy.pick(number, ask, now)
        policy.sent(replica, ask, now)
        # In the order of arrival, so that what it finds is what lies there when it starts.
        known = caches[replica].call(ask.blocks.tobytes(), now).hit * load.block_tokens
        start = max(now, free[replica])
        end = free[replica] = start + pace.seconds(ask.tokens - known)
        hit, serial = hit + known, serial + 1
        took.append(end - now)
        spells.append((start, end, replica))
        heapq.heappush(under_way, (end, serial, replica, ask))
        if turn + 1 < len(asks):
            heapq.heappush(arrivals, (max(now + asks[turn + 1].pause, end), number, turn + 1))
    cuts = quantiles(took, n=100)
    imbalance, busy = _windows(spells, replicas, load.span)
    return Outcome(hit / load.tokens, cuts[49], cuts[94], imbalance, busy)


def _windows(
    spells: list[tuple[float, float, int]], replicas: int, span: float
) -> tuple[float, float]:
    length = span / WINDOWS
    ratios, work = [], 0.0
    for window in range(1, WINDOWS):
        begin, end = window * length, (window + 1) * length
        done = [0.0] * replicas
        for start, stop, replica in spells:
            done[replica] += max(0.0, min(stop, end) - max(start, begin))
        work += sum(done)
        ratios.append(max(done) * replicas / sum(done))
    return sum(ratios) / len(ratios), work / (replicas * span * (1 - 1 / WINDOWS))
