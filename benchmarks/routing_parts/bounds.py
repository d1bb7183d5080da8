"""What a load itself forbids: a bound to print beside what ours does."""

from __future__ import annotations

import heapq

from benchmarks.routing_parts.fleet import WINDOWS
from benchmarks.routing_parts.load import Load, Pace, leading


def least_imbalance(load: Load, replicas: int, pace: Pace) -> float:
    """Of the work in a window (``Outcome.imbalance``) where no session is moved within one,
    all that was ever computed is held everywhere, and nobody waits: the work of the session
    that has most to do, or of the two least of the ``replicas + 1`` that have most, over the
    mean. Waiting may bring it down: what was put off is done in another window."""
    ratios = []
    for work in list(zip(*_work(load, pace), strict=True))[1:]:
        most = sorted(work, reverse=True)
        pair = most[replicas - 1] + most[replicas] if len(most) > replicas else 0.0
        ratios.append(max(1.0, max(most[0], pair) * replicas / sum(work)))
    return sum(ratios) / len(ratios)


def _work(load: Load, pace: Pace) -> list[list[float]]:
    """Seconds of prefill of each session in each window."""
    arrivals = [(session.start, number, 0) for number, session in enumerate(load.sessions)]
    heapq.heapify(arrivals)
    length, seen = load.span / WINDOWS, set[int]()
    work = [[0.0] * WINDOWS for _ in load.sessions]
    while arrivals:
        now, number, turn = heapq.heappop(arrivals)
        asks = load.sessions[number].asks
        ask = asks[turn]
        held = leading(ask.blocks, seen) * load.block_tokens
        seen.update(ask.blocks)
        end = now + pace.seconds(ask.tokens - held)
        for window in range(WINDOWS):
            inside = min(end, (window + 1) * length) - max(now, window * length)
            work[number][window] += max(0.0, inside)
        if turn + 1 < len(asks):
            heapq.heappush(arrivals, (max(now + asks[turn + 1].pause, end), number, turn + 1))
    return work
