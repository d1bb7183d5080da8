"""An engine, or a plain model, in a process of its own.

Two models in one process have two OpenMP teams, which on few cores slow each other down
even when one of them is idle (see ``headstart.engine.thread``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from benchmarks.engine_client import Probe, Timing
from headstart.engine import Engine

_engine: Engine | None = None
_plain: Any = None


class EngineChild:
    """The built-in model's engine in a child process; use as a context manager."""

    def __init__(self, **options: Any) -> None:
        """``options`` are those of ``headstart.engine.load``."""
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        self.kv_bytes_per_token: int = self._pool.submit(_start, options).result()

    def __enter__(self) -> EngineChild:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.submit(_stop).result()
        self._pool.shutdown()

    def ask(self, tokens: Sequence[int], max_tokens: int = 1) -> Timing:
        """One request alone."""
        return self.together([tokens], max_tokens)[0]

    def together(self, prompts: Sequence[Sequence[int]], max_tokens: int) -> list[Timing]:
        """Requests submitted at once."""
        return self._pool.submit(_together, prompts, max_tokens).result()


class PlainChild:
    """``model(input_ids)`` as a user of transformers would write it."""

    def __init__(self, folder: str) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        self._pool.submit(_load_plain, folder).result()

    def __enter__(self) -> PlainChild:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def seconds(self, tokens: Sequence[int]) -> float:
        """One forward pass over the whole prompt."""
        return self._pool.submit(_forward_plain, tokens).result()


def _start(options: dict[str, Any]) -> int:
    global _engine
    from headstart.engine import load

    _engine = load(**options)
    return _engine.info.kv_bytes_per_token


def _stop() -> None:
    assert _engine is not None
    _engine.close()


def _together(prompts: Sequence[Sequence[int]], max_tokens: int) -> list[Timing]:
    assert _engine is not None
    probes = [Probe(_engine, prompt, max_tokens) for prompt in prompts]
    return [probe.wait() for probe in probes]


def _load_plain(folder: str) -> None:
    global _plain
    import torch
    from transformers import AutoModelForCausalLM

    _plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()


def _forward_plain(tokens: Sequence[int]) -> float:
    import torch

    ids = torch.tensor([tokens])
    started = time.perf_counter()
    with torch.inference_mode():
        int(_plain(ids).logits[0, -1].argmax())
    return time.perf_counter() - started
