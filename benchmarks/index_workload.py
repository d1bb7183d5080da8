"""A synthetic prefix-cache workload: conversations that share a few system prompts.

Each conversation starts with one of the system prompts and grows by a user turn and an
answer (``TURN`` tokens together) until it would exceed ``LONGEST``, then another takes its
place. ``LIVE`` conversations are interleaved at random. Deterministic.
"""

from __future__ import annotations

import random

SYSTEMS, SYSTEM_TOKENS = 8, 4096
LIVE, LONGEST = 64, 32_768
FIRST, TURN = (64, 512), (256, 3072)
VOCABULARY = 150_000


def requests(count: int = 2000, seed: int = 7) -> list[list[int]]:
    """Prompts as token ids, in the order of arrival."""
    rng = random.Random(seed)

    def tokens(number: int) -> list[int]:
        return [rng.randrange(VOCABULARY) for _ in range(number)]

    systems = [tokens(SYSTEM_TOKENS) for _ in range(SYSTEMS)]

    def opening() -> list[int]:
        return list(rng.choice(systems)) + tokens(rng.randint(*FIRST))

    live = [opening() for _ in range(LIVE)]
    arrived: list[list[int]] = []
    while len(arrived) < count:
        index = rng.randrange(LIVE)
        arrived.append(live[index])
        grown = live[index] + tokens(rng.randint(*TURN))
        live[index] = grown if len(grown) <= LONGEST else opening()
    return arrived


def percentiles(timings: list[tuple[float, float]]) -> dict[str, float]:
    """p50 and p99 in microseconds of (seconds to pack, seconds to match and insert)."""
    packed = sorted(took for _, took in timings)
    listed = sorted(packing + took for packing, took in timings)
    last = len(timings) - 1
    return {
        "packed_p50_us": packed[last // 2] * 1e6,
        "packed_p99_us": packed[last * 99 // 100] * 1e6,
        "list_p50_us": listed[last // 2] * 1e6,
        "list_p99_us": listed[last * 99 // 100] * 1e6,
    }
