"""Prompts as token ids, of which no two tests share a beginning."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.vllm_server import Answer, VLLMServer

_LOW, _HIGH = 1_000, 48_000


def prompt(seed: str, size: int) -> list[int]:
    """The same tokens for the same seed; a longer one begins with a shorter one."""
    chosen = random.Random(seed)
    return [chosen.randrange(_LOW, _HIGH) for _ in range(size)]


def ask_all(vllm: VLLMServer, prompts: Sequence[Sequence[int]]) -> list[Answer]:
    """Many at a time, one token each."""
    with ThreadPoolExecutor(24) as pool:
        return list(pool.map(lambda tokens: vllm.ask(tokens, 1), prompts))


def close(one: Answer, other: Answer, most: float = 0.2) -> bool:
    """The same model said both: log-probabilities of the first token, asked for with
    ``logprobs``, agree. Texts need not, in bfloat16, where a hit rounds differently."""
    shared = one.top.keys() & other.top.keys()
    return len(shared) >= 3 and all(abs(one.top[t] - other.top[t]) < most for t in shared)
