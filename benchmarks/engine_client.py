"""Timing the engine itself: tokens in, events out, no HTTP between."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from typing import NamedTuple

from headstart.engine import (
    Delta,
    Encoded,
    Engine,
    Event,
    Failed,
    Finished,
    Generation,
    Sampling,
    Started,
)
from headstart.prefix import Scope


class Timing(NamedTuple):
    """Seconds from submission to the first token and to the end; what was read and said."""

    ttft: float
    total: float
    read: int
    output: int
    text: str


class Probe:
    """One submitted request whose events are stamped as they come."""

    def __init__(
        self, engine: Engine, tokens: Sequence[int], max_tokens: int, scope: str = "default"
    ) -> None:
        self._events: queue.Queue[tuple[float, Event]] = queue.Queue()
        self._begin = time.perf_counter()
        sampling = Sampling(max_tokens=max_tokens, temperature=0.0)
        generation = Generation(Encoded(tokens), Scope(scope), sampling)
        engine.submit(generation, lambda event: self._events.put((time.perf_counter(), event)))

    def wait(self) -> Timing:
        """Block to the end; EngineError if the request failed."""
        ttft, text = 0.0, ""
        while True:
            at, event = self._events.get()
            if isinstance(event, Started):
                ttft = at - self._begin
            elif isinstance(event, Delta):
                text += event.text
            elif isinstance(event, Finished):
                return Timing(ttft, at - self._begin, event.read, event.output_tokens, text)
            elif isinstance(event, Failed):
                raise event.error


def ask(engine: Engine, tokens: Sequence[int], max_tokens: int = 1) -> Timing:
    """Submit one request and wait for it."""
    return Probe(engine, tokens, max_tokens).wait()
