"""What simulated replicas are asked: sessions of real traces, copied and started anew.

A session is a chain of calls of which each continues the one before it. As many are started,
at random times, as keep the replicas busy for a given share of the time, were there one cache
for all of them that never forgets; a further copy of a session shares with others what
several sessions of the trace share, and is otherwise a prompt of its own. Pauses within
sessions keep their proportions: they are scaled (none beyond 5 minutes) so that a given
number of sessions a replica is open at a time. A call comes after its pause, and not before
the call before it was answered.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable
from typing import Final, NamedTuple

from headstart.prefix.workload import Call, Workload

UTILISATION: Final = 0.7
OPEN: Final = 8
"""Sessions open at a time, a replica."""
LONGEST_PAUSE: Final = 300.0


class Pace(NamedTuple):
    """What a replica's prefill takes: a constant, and a time for each token that it does not
    hold. Measured with the built-in engine and model on two cores: 2,048 tokens cold in 1.02 s,
    32 behind 2,048 in 0.060 s (README)."""

    tokens_a_second: float = 2000.0
    request: float = 0.044

    def seconds(self, fresh: int) -> float:
        return self.request + fresh / self.tokens_a_second


class Ask(NamedTuple):
    """One call of a session; ``pause`` in seconds after the call before it."""

    pause: float
    blocks: array[int]
    tokens: int


class Session(NamedTuple):
    """Its start in seconds, and its calls."""

    start: float
    asks: list[Ask]


class Load(NamedTuple):
    """Sessions in the order of their starts."""

    name: str
    block_tokens: int
    sessions: list[Session]
    span: float
    """Seconds in which they start."""
    ceiling: float
    """Token hit rate of one cache that holds everything."""
    footprint: int
    """Distinct blocks."""

    @property
    def calls(self) -> int:
        return sum(len(session.asks) for session in self.sessions)

    @property
    def tokens(self) -> int:
        return sum(ask.tokens for session in self.sessions for ask in session.asks)


def coarser(workload: Workload, factor: int) -> Workload:
    """Blocks of so many blocks: exact, as a block's number stands for all before it."""
    numbers: dict[int, int] = {}
    calls = [
        call._replace(
            blocks=array(
                "i",
                [numbers.setdefault(b, len(numbers)) for b in call.blocks[factor - 1 :: factor]],
            )
        )
        for call in workload.calls
    ]
    return Workload(workload.name, workload.block_tokens * factor, len(numbers), calls)


def chains(workload: Workload) -> list[list[Call]]:
    """The calls of each session."""
    ends: dict[int, int] = {}
    found: list[list[Call]] = []
    for call in workload.calls:
        number = next((ends.pop(b) for b in reversed(call.blocks) if b in ends), None)
        if number is None:
            number = len(found)
            found.append([])
        found[number].append(call)
        if call.blocks:
            ends[call.blocks[-1]] = number
    return found


def spread(workload: Workload, replicas: int, each: int, pace: Pace, seed: int = 1) -> Load:
    """About ``each`` calls a replica."""
    rng = random.Random(seed)
    sessions = chains(workload)
    shared = _shared(sessions)
    copies: list[list[Ask]] = []
    total = copy = 0
    while total < replicas * each:
        order = list(range(len(sessions)))
        if copy:
            rng.shuffle(order)
        for number in order:
            offset = copy * workload.footprint
            copies.append(list(_copied(sessions[number], shared, offset)))
            total += len(copies[-1])
            if total >= replicas * each:
                break
        copy += 1
    rng.shuffle(copies)
    return _timed(workload.name, workload.block_tokens, copies, replicas, pace, rng)


def _timed(
    name: str,
    size: int,
    copies: list[list[Ask]],
    replicas: int,
    pace: Pace,
    rng: random.Random,
) -> Load:
    seen: set[int] = set()
    work = hit = tokens = 0.0
    for asks in copies:
        for ask in asks:
            known = leading(ask.blocks, seen) * size
            seen.update(ask.blocks)
            hit, tokens = hit + known, tokens + ask.tokens
            work += pace.seconds(ask.tokens - known)
    span = work / (replicas * UTILISATION)
    lasting = sum(ask.pause for asks in copies for ask in asks) / len(copies)
    scale = OPEN * replicas * span / len(copies) / lasting if lasting else 1.0
    starts = sorted(rng.uniform(0, span) for _ in copies)
    sessions = [
        Session(start, [ask._replace(pause=ask.pause * scale) for ask in asks])
        for start, asks in zip(starts, copies, strict=True)
    ]
    return Load(name, size, sessions, span, hit / tokens, len(seen))


def bursts(replicas: int, each: int, pace: Pace, seed: int = 2) -> Load:
    """A hot prefix: 32 prefixes of 2,000 to 16,000 tokens, asked for by a Zipf law; half of
    the time calls come more than twice as fast, and 6 in 10 of them for one prefix, another
    one each time. Every call is a session of its own, of 256 to 1,024 further tokens."""
    rng, size = random.Random(seed), 64
    lengths = [rng.choice((2048, 4096, 8192, 16384)) // size for _ in range(32)]
    starts = [sum(lengths[:n]) for n in range(32)]
    fresh, weights = sum(lengths), [1 / (n + 1) for n in range(32)]
    count = replicas * each
    period = max(2, count // 12)
    now, copies, times, hot = 0.0, [], [], 0
    for number in range(count):
        if number % period == 0:
            hot = rng.randrange(32)
        burst = number % period < period // 2
        family = hot if burst and rng.random() < 0.6 else rng.choices(range(32), weights)[0]
        own = rng.randrange(4, 17)
        blocks = array("i", range(starts[family], starts[family] + lengths[family]))
        blocks.extend(range(fresh, fresh + own))
        fresh += own
        now += rng.expovariate(1) * (0.6 if burst else 1.4)
        times.append(now)
        copies.append([Ask(0.0, blocks, len(blocks) * size + rng.randrange(size))])
    load = _timed("bursts", size, copies, replicas, pace, rng)
    sessions = [Session(at * load.span / now, asks) for at, asks in zip(times, copies, strict=True)]
    return load._replace(sessions=sessions)


def _shared(sessions: list[list[Call]]) -> set[int]:
    """Blocks that several sessions have."""
    owners: dict[int, int] = {}
    found = set()
    for number, calls in enumerate(sessions):
        for call in calls:
            for block in call.blocks:
                if owners.setdefault(block, number) != number:
                    found.add(block)
    return found


def _copied(calls: list[Call], shared: set[int], offset: int) -> Iterable[Ask]:
    before = calls[0].time
    for call in calls:
        blocks = call.blocks
        if offset:
            keep = leading(blocks, shared)
            blocks = blocks[:keep] + array("i", [b + offset for b in blocks[keep:]])
        yield Ask(min(LONGEST_PAUSE, call.time - before), blocks, call.tokens)
        before = call.time


def leading(blocks: array[int], seen: set[int]) -> int:
    """How many leading blocks are in a set that has all that lies before what it has."""
    low, high = 0, len(blocks)
    while low < high:
        middle = (low + high) // 2
        if blocks[middle] in seen:
            low = middle + 1
        else:
            high = middle
    return low
