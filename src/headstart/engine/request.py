"""One request inside the engine: what it asked for and how far it has come."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from headstart.engine.contract import Event, Generation
from headstart.engine.lanes import Lane
from headstart.engine.sampler import Sampler
from headstart.engine.text import TextStream
from headstart.prefix import Scope

_arrivals = itertools.count()


@dataclass(slots=True, eq=False)
class Running:
    """``tokens`` are the prompt and what was generated; the KV of the first ``done`` of
    them is in the lane, of which ``read`` came out of the cache."""

    generation: Generation
    on_event: Callable[[Event], None]
    text: TextStream
    limit: int
    """Most tokens to generate."""
    sampler: Sampler
    tokens: array[int]
    prompt: int
    """Prompt tokens; ``tokens`` behind them are output."""
    arrival: int = field(default_factory=lambda: next(_arrivals))
    lane: Lane | None = None
    done: int = 0
    reached: int = 0
    """The most that ``done`` was before a preemption: reading that again is no saving."""
    read: int = 0
    started: bool = False
    cancelled: bool = False

    @classmethod
    def of(
        cls,
        generation: Generation,
        on_event: Callable[[Event], None],
        text: TextStream,
        limit: int,
        sampler: Sampler,
    ) -> Running:
        """A request that has not begun."""
        tokens = array("I", generation.prompt.tokens)
        return cls(generation, on_event, text, limit, sampler, tokens, len(tokens))

    @property
    def scope(self) -> Scope:
        """Who may share its KV."""
        return self.generation.scope

    @property
    def output(self) -> int:
        """Tokens generated so far."""
        return len(self.tokens) - self.prompt

    @property
    def prefilled(self) -> bool:
        """True once only the newest token's KV is missing, and that token was generated."""
        return self.started and self.done >= len(self.tokens) - 1

    def key(self, stop: int) -> bytes:
        """The first ``stop`` tokens, packed for the prefix index."""
        return self.tokens[:stop].tobytes()

    def shares(self, other: Running, unit: int) -> bool:
        """True if the next ``unit`` tokens of both, and all before them, are the same."""
        stop = self.done + unit
        if self.scope != other.scope or stop >= len(self.tokens) or stop > len(other.tokens):
            return False
        return self.tokens[:stop] == other.tokens[:stop]
