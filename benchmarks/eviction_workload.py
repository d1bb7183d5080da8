"""A generated trace: chats and agents that share a few system prompts. Deterministic.

Sessions start at random times and come in two kinds: chats, of few turns with long pauses,
half of which end after the first; agents, of many turns with short ones.
"""

from __future__ import annotations

import random

from headstart.prefix.workload import Call, Numbering, Workload

BLOCK_TOKENS = 64
SYSTEMS, SYSTEM_BLOCKS = 6, 24
SESSIONS_A_SECOND = 0.5
AGENTS = 0.15


def generated(sessions: int = 2500, seed: int = 11) -> Workload:
    """About 5 calls a session, in the order of time."""
    rng = random.Random(seed)
    numbering = Numbering()
    calls: list[Call] = []
    serial = 0
    start = 0.0
    for _ in range(sessions):
        start += rng.expovariate(SESSIONS_A_SECOND)
        system = rng.randrange(SYSTEMS)
        blocks: list[tuple[int, int]] = [(system, i) for i in range(SYSTEM_BLOCKS)]
        agent = rng.random() < AGENTS
        now, more = start, 0.93 if agent else 0.55
        while True:
            added = 1 + int(rng.expovariate(1 / (6 if agent else 14)))
            blocks += [(-1, serial + i) for i in range(added)]
            serial += added
            path = numbering.path(blocks, numbering.root(None))
            calls.append(Call(now, path, len(blocks) * BLOCK_TOKENS + rng.randrange(BLOCK_TOKENS)))
            if rng.random() > more:
                break
            now += rng.lognormvariate(1.2, 0.6) if agent else rng.lognormvariate(4.0, 1.0)
    calls.sort(key=lambda call: call.time)
    return Workload("generated", BLOCK_TOKENS, len(numbering), calls)
