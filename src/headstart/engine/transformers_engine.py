"""The engine on transformers and torch: one thread that runs the model, step by step."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from headstart.engine.contract import (
    CacheStats,
    Chat,
    Encoded,
    Engine,
    EngineClosed,
    EngineError,
    Event,
    Generation,
    ModelInfo,
    PromptTooLong,
    Ticket,
)
from headstart.engine.model import CausalModel
from headstart.engine.request import Running
from headstart.engine.sampler import Sampler
from headstart.engine.stepper import Stepper
from headstart.engine.template import ChatTemplate
from headstart.engine.text import TextStream
from headstart.engine.thread import ModelThread
from headstart.kv import KVCache
from headstart.kv.admin import CacheAdmin
from headstart.kv.tiered import TieredCache

logger = logging.getLogger(__name__)


class TransformersEngine(Engine):
    """Serves one model from one thread; see ``headstart.engine.load``."""

    def __init__(
        self,
        model: CausalModel,
        cache: KVCache,
        chunk: int,
        max_running: int,
        created: int,
        thread: ModelThread,
        tiers: TieredCache | None = None,
    ) -> None:
        """``chunk`` in tokens; at most ``max_running`` requests hold a lane at once. With
        ``tiers``, prefixes come up from them and go down to them. Thread and tiers are
        the engine's own from now on: ``close`` ends them."""
        layout = model.layout
        context = min(model.context, cache.runnable_bytes // layout.token_bytes)
        self.info = ModelInfo(
            model.name, context, layout.token_bytes, model.dtype, str(model.device), created
        )
        self._model = model
        self._template = ChatTemplate(model.tokenizer, model.name)
        self._cache = cache
        self.tiers = tiers
        self.admin = CacheAdmin(cache, tiers, model.name, context)
        self._stepper = Stepper(model, cache, chunk, max_running, context, tiers)
        self._wake = threading.Condition()
        self._inbox: list[Running] = []
        self._fetching = 0
        self._closing = False
        self._deadline = float("inf")
        self._thread = thread
        thread.submit(self._loop)

    def encode(self, chat: Chat) -> Encoded:
        """See ``Engine.encode``."""
        return self._template.encode(chat)

    def submit(self, generation: Generation, on_event: Callable[[Event], None]) -> Ticket:
        """See ``Engine.submit``."""
        request = self._request(generation, on_event)
        with self._wake:
            if self._closing:
                raise EngineClosed("the server is shutting down")
            if self.tiers is None:
                self._inbox.append(request)
                self._wake.notify()
            else:
                self._fetching += 1
        if self.tiers is not None:
            key = request.key(len(request.tokens) - 1)
            self.tiers.fetch(key, request.scope, lambda: self._fetched(request))
        return _Ticket(self, request)

    def _fetched(self, request: Running) -> None:
        with self._wake:
            self._fetching -= 1
            self._inbox.append(request)
            self._wake.notify()

    def stats(self) -> CacheStats:
        """See ``Engine.stats``."""
        cache, steps = self._cache.stats(), self._stepper
        return CacheStats(
            cache.capacity_bytes,
            cache.cached_bytes,
            cache.running_bytes - steps.idle_bytes,
            cache.cached_tokens,
            cache.evicted_tokens,
            cache.leases_broken,
            steps.preempted,
            len(steps.scheduler.running),
            len(steps.scheduler.waiting) + len(self._inbox) + self._fetching,
        )

    def close(self, grace: float = 0.0) -> None:
        """See ``Engine.close``. Idempotent."""
        with self._wake:
            self._closing = True
            self._deadline = min(self._deadline, time.monotonic() + grace)
            self._wake.notify()
        self._thread.end()
        if self.tiers is not None:
            self.tiers.close()

    def _request(self, generation: Generation, on_event: Callable[[Event], None]) -> Running:
        prompt, wanted = len(generation.prompt.tokens), generation.sampling.max_tokens
        room = self.info.context - prompt
        if prompt == 0:
            raise EngineError("the prompt is empty")
        if room < (wanted if wanted is not None else 1):
            raise PromptTooLong(
                f"prompt of {prompt} tokens and {1 if wanted is None else wanted} to generate "
                f"exceed the context of {self.info.context} tokens"
            )
        text = TextStream(self._model.tokenizer, generation.sampling.stop)
        limit = room if wanted is None else wanted
        return Running.of(generation, on_event, text, limit, Sampler(generation.sampling))

    def _loop(self) -> None:
        while True:
            with self._wake:
                while not self._inbox and self._stepper.idle and not self._finished:
                    self._wake.wait()
                arrived, self._inbox = self._inbox, []
                late = time.monotonic() >= self._deadline
                busy = arrived or self._fetching or not self._stepper.idle
                done = self._closing and not busy
            if done:
                return
            self._stepper.add(arrived)
            if late:
                self._stepper.abort(EngineClosed("the server is shutting down"))
            else:
                self._step()

    @property
    def _finished(self) -> bool:
        """Closing, and nothing is on its way into the inbox."""
        return self._closing and not self._fetching

    def _step(self) -> None:
        try:
            self._stepper.step()
        except Exception:
            # A fault in the forward pass must not end the thread that everyone waits for.
            logger.exception("a step of the engine failed")
            self._stepper.abort(EngineError("the model failed on this request"))

    def _cancel(self, request: Running) -> None:
        request.cancelled = True
        with self._wake:
            self._wake.notify()


class _Ticket(Ticket):
    def __init__(self, engine: TransformersEngine, request: Running) -> None:
        self._engine = engine
        self._request = request

    def cancel(self) -> None:
        self._engine._cancel(self._request)
