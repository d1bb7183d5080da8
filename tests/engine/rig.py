"""A stepper that is driven by hand, and a spy on what runs through the model."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from headstart.engine.attention import Span
from headstart.engine.contract import (
    Delta,
    Encoded,
    Engine,
    EngineError,
    Event,
    Failed,
    Finished,
    Generation,
    Lease,
    Sampling,
    Started,
    Ticket,
)
from headstart.engine.model import CausalModel
from headstart.engine.request import Running
from headstart.engine.sampler import Sampler
from headstart.engine.stepper import Stepper
from headstart.engine.text import TextStream
from headstart.kv import KVCache
from headstart.prefix import Scope


def some_tokens(seed: int, count: int) -> list[int]:
    """Random ordinary tokens of the built-in model's vocabulary."""
    source = random.Random(seed)
    return [source.randrange(100, 49000) for _ in range(count)]


class Reply:
    """Collects one request's events; is its ``on_event``."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ticket: Ticket | None = None
        self._over = threading.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Finished | Failed):
            self._over.set()

    def wait(self) -> Reply:
        assert self._over.wait(60), f"the request did not end: {self.events}"
        return self

    @property
    def over(self) -> bool:
        return self._over.is_set()

    @property
    def started(self) -> bool:
        return any(isinstance(event, Started) for event in self.events)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def finished(self) -> Finished:
        assert isinstance(self.events[-1], Finished), self.events
        return self.events[-1]

    @property
    def error(self) -> EngineError:
        assert isinstance(self.events[-1], Failed), self.events
        return self.events[-1].error


def generation(
    tokens: Sequence[int], tenant: str = "t", leases: Sequence[Lease] = (), **sampling: Any
) -> Generation:
    """Greedy and short unless told otherwise."""
    settings = Sampling(**{"temperature": 0.0, "max_tokens": 4, **sampling})
    return Generation(Encoded(tokens, leases), Scope(tenant), settings)


def ask(engine: Engine, tokens: Sequence[int], tenant: str = "t", **sampling: Any) -> Reply:
    """Submit to a real engine."""
    reply = Reply()
    reply.ticket = engine.submit(generation(tokens, tenant, **sampling), reply)
    return reply


class Call(NamedTuple):
    """One forward pass. ``spans`` are (start, count); ``hidden`` is [tokens, width] behind
    the final norm, ``logits`` [spans, vocabulary]."""

    tokens: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    hidden: Tensor
    logits: Tensor

    @property
    def decoding(self) -> bool:
        return all(count == 1 for _, count in self.spans)


class Spy:
    """Stands in for ``CausalModel.forward`` and records what goes through."""

    def __init__(self, model: CausalModel) -> None:
        self.calls: list[Call] = []
        self.before: Callable[[], None] = lambda: None
        self._model = model
        self._forward = model.forward
        self._hook = model._model.model.norm.register_forward_hook(self._see)
        model.forward = self._call  # type: ignore[method-assign]

    def remove(self) -> None:
        self._model.forward = self._forward  # type: ignore[method-assign]
        self._hook.remove()

    @property
    def prefills(self) -> list[Call]:
        return [call for call in self.calls if not call.decoding]

    def by_chunk(self) -> dict[tuple[int, tuple[int, ...]], Call]:
        """Passes of one span, by where it starts and what it holds."""
        return {(c.spans[0][0], c.tokens): c for c in self.calls if len(c.spans) == 1}

    def _see(self, module: object, args: object, output: Tensor) -> None:
        self._hidden = output[0].clone()

    def _call(self, tokens: Sequence[int], spans: Sequence[Span]) -> Tensor:
        self.before()
        logits = self._forward(tokens, spans)
        where = tuple((span.start, span.count) for span in spans)
        self.calls.append(Call(tuple(tokens), where, self._hidden, logits.clone()))
        return logits


class Rig:
    """A stepper without a thread: nothing happens but at ``step``."""

    def __init__(
        self,
        model: CausalModel,
        chunk: int = 16,
        room: int = 8192,
        exact: bool = False,
        max_running: int = 32,
        tenants: int = 1,
    ) -> None:
        """``room`` is the cache memory in tokens."""
        size = model.layout.token_bytes
        context = min(model.context, room)
        self.cache = KVCache(
            model.layout,
            room * size,
            chunk if exact else 1,
            tenants,
            headroom=min(context, room // 2) * size,
        )
        self.stepper = Stepper(model, self.cache, chunk, max_running, context)
        self.spy = Spy(model)
        self._model = model

    def add(self, tokens: Sequence[int], tenant: str = "t", **kwargs: Any) -> Task:
        wanted = generation(tokens, tenant, **kwargs)
        settings = wanted.sampling
        task = Task()
        task.request = Running.of(
            wanted,
            task,
            TextStream(self._model.tokenizer, settings.stop),
            settings.max_tokens or 0,
            Sampler(settings),
        )
        self.stepper.add([task.request])
        return task

    def run(self) -> None:
        """Step until nothing is left to do."""
        for _ in range(20_000):
            if self.stepper.idle:
                return
            self.stepper.step()
        raise AssertionError("the stepper does not come to an end")

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(2_000):
            if condition():
                return
            self.stepper.step()
        raise AssertionError("it did not happen")

    def answer(self, tokens: Sequence[int], tenant: str = "t", **kwargs: Any) -> Task:
        """Run one request to its end."""
        task = self.add(tokens, tenant, **kwargs)
        self.run()
        return task

    def assert_nothing_left(self) -> None:
        """No request, and no memory but the cache's and that of idle lanes."""
        assert self.stepper.idle
        assert self.cache.arena.reserved_bytes == self.stepper.idle_bytes
        assert self.cache.index.size_info().pages == self.cache.arena.used
        assert self.cache.index.size_info().locked == 0


class Task(Reply):
    """A reply with its request inside the engine."""

    request: Running

    @property
    def output(self) -> list[int]:
        return self.request.tokens.tolist()[self.request.prompt :]
