"""One step of the engine: what the thread does between two looks at its inbox."""

from __future__ import annotations

import time
from collections.abc import Iterable

from torch import Tensor

from headstart.engine.attention import Span
from headstart.engine.contract import (
    Delta,
    EngineError,
    Failed,
    Finished,
    FinishReason,
    Started,
)
from headstart.engine.lanes import ArenaView, Lane, LanePool
from headstart.engine.model import CausalModel
from headstart.engine.request import Running
from headstart.engine.scheduler import Scheduler
from headstart.kv import KVCache
from headstart.kv.cache import Rows
from headstart.kv.tiered import TieredCache

LOCK_WAIT = 0.005
"""Seconds to let a copy of a page to a tier finish when nothing else can run."""
DECODE_SHARE = 0.5
"""While both wait, decoding gets this much time for each second of prefill."""


class Stepper:
    """Runs on one thread. KV flows arena -> lane when a prefix is read, lane -> arena when
    a chunk is done, so that others can read it while the request goes on."""

    def __init__(
        self,
        model: CausalModel,
        cache: KVCache,
        chunk: int,
        max_running: int,
        context: int,
        tiers: TieredCache | None = None,
    ) -> None:
        self._model = model
        self._cache = cache
        self._tiers = tiers
        self._exact = cache.page > 1
        self._lanes = LanePool(cache, context, model.device)
        self._arena = ArenaView(cache.arena, cache.layout, cache.page)
        cache.warm(self._lanes.warm())
        self._decode_until = 0.0
        self._decode_owed = False
        self.scheduler = Scheduler(chunk, cache.page, max_running)
        self.preempted = 0

    @property
    def idle(self) -> bool:
        """True if there is nothing to do."""
        return not self.scheduler.running and not self.scheduler.waiting

    @property
    def idle_bytes(self) -> int:
        """Bytes of the budget kept for reuse by requests to come."""
        return self._lanes.idle_bytes

    def add(self, requests: Iterable[Running]) -> None:
        """Queue new requests."""
        self.scheduler.waiting.extend(requests)

    def abort(self, error: EngineError) -> None:
        """Fail every request."""
        for request in list(self.scheduler.all()):
            self._drop(request)
            if not request.cancelled:
                request.on_event(Failed(error))

    def step(self) -> None:
        """Drop the cancelled, admit the waiting, then one chunk or one decode step."""
        for gone in [r for r in self.scheduler.all() if r.cancelled]:
            self._drop(gone)
        self._admit()
        decoding = self.scheduler.decoding()
        if decoding and (self._decode_owed or time.monotonic() < self._decode_until):
            self._decode(decoding)
            return
        for request in self.scheduler.prefilling():
            self._read_cached(request)
        chosen = self.scheduler.next_prefill()
        if chosen is None:
            self._decode(self.scheduler.decoding())
            return
        started = time.monotonic()
        self._prefill(chosen)
        now = time.monotonic()
        self._decode_until = now + (now - started) * DECODE_SHARE
        self._decode_owed = True

    def _admit(self) -> None:
        while (request := self.scheduler.admissible()) is not None:
            tokens = len(request.tokens)
            capacity = min(tokens + request.limit - request.output, self._lanes.context)
            # A use, lest room for the lane be made by evicting what it is about to read.
            self._cache.lookup(request.key(tokens - 1), request.scope, time.time())
            key = request.key(tokens)
            lane = self._lanes.acquire(capacity, key, request.scope, time.time())
            if lane is None:
                if not self.scheduler.running and self._cache.index.size_info().locked:
                    time.sleep(LOCK_WAIT)  # A page on its way to a tier is in the way.
                elif not self.scheduler.running:
                    self._fail(request, EngineError("the KV cache has no room for this prompt"))
                    continue
                return
            request.lane, request.done = lane, 0
            self.scheduler.admit()

    def _prefill(self, request: Running) -> None:
        lane, start, stop = _lane(request), request.done, self.scheduler.chunk_end(request)
        span = Span(lane, start, stop - start)
        logits = self._model.forward(request.tokens[start:stop], [span])
        request.done = stop
        self._store(request, stop)
        if stop == len(request.tokens):
            self._first_token(request, logits[0])

    def _read_cached(self, request: Running) -> None:
        """Copy what the cache holds beyond what is done, at most all but the last token."""
        key = request.key(len(request.tokens) - 1)
        lane = _lane(request)
        first = max(request.done, lane.kept)

        def load(rows: Rows) -> None:
            self._arena.load(lane, first, rows)

        held = self._cache.read(key, request.scope, time.time(), first, load)
        if held > request.done:
            request.read += max(0, held - max(request.done, request.reached))
            request.done = held

    def _store(self, request: Running, stop: int) -> None:
        def fill(first: int, rows: Rows) -> None:
            self._arena.save(_lane(request), first, rows)

        self._cache.store(request.key(stop), request.scope, time.time(), fill)

    def _first_token(self, request: Running, logits: Tensor) -> None:
        if not request.started:
            request.started = True
            if not request.cancelled:
                request.on_event(Started(request.prompt, request.read))
            self._save(request, request.prompt)
            self._lease(request)
        if request.limit == 0:
            self._finish(request, "length")
        else:
            self._accept(request, logits)

    def _save(self, request: Running, stop: int) -> None:
        """To the tiers below memory, in the background."""
        if self._tiers is not None:
            self._tiers.save(request.key(stop), request.scope)

    def _lease(self, request: Running) -> None:
        now = time.time()
        for lease in request.generation.prompt.leases:
            key = request.key(lease.tokens)
            self._cache.lease(key, request.scope, lease.ttl, now)
            if self._tiers is not None:
                self._tiers.lease(key, request.scope, now + lease.ttl)

    def _decode(self, requests: list[Running]) -> None:
        self._decode_owed = False
        ready = [r for r in requests if r.lane is not None and self._grow(r)]
        # Growing one may have put another back into the queue.
        ready = [r for r in ready if r.lane is not None]
        if not ready:
            return
        spans = [Span(_lane(r), r.done, 1) for r in ready]
        logits = self._model.forward([r.tokens[-1] for r in ready], spans)
        for request, row in zip(ready, logits, strict=True):
            request.done += 1
            self._accept(request, row)

    def _grow(self, request: Running) -> bool:
        """Room for one more token, at the cost of the latest request if need be."""
        lane = _lane(request)
        while not self._lanes.extend(lane, len(request.tokens), request.scope, time.time()):
            victim = self.scheduler.preempt(keep=request)
            if victim is None:
                self._fail(request, EngineError("the KV cache has no room for more output"))
                return False
            self._release(victim)
            self.preempted += 1
        return True

    def _accept(self, request: Running, logits: Tensor) -> None:
        token = request.sampler.choose(logits)
        request.tokens.append(token)
        if token in self._model.stop_tokens:
            self._send(request, request.text.flush())
            self._finish(request, "stop")
            return
        self._send(request, request.text.feed(token))
        if request.text.stopped is not None:
            self._finish(request, "stop_sequence")
        elif request.output >= request.limit:
            self._send(request, request.text.flush())
            self._finish(request, "length")

    def _send(self, request: Running, text: str) -> None:
        if text and not request.cancelled:
            request.on_event(Delta(text))

    def _finish(self, request: Running, reason: FinishReason) -> None:
        if not self._exact:
            # KV made while decoding serves the conversation's next turn.
            self._store(request, request.done)
            self._save(request, request.done)
        self._drop(request)
        if not request.cancelled:
            request.on_event(
                Finished(reason, request.prompt, request.read, request.output, request.text.stopped)
            )

    def _fail(self, request: Running, error: EngineError) -> None:
        self._drop(request)
        if not request.cancelled:
            request.on_event(Failed(error))

    def _drop(self, request: Running) -> None:
        self.scheduler.remove(request)
        self._release(request)

    def _release(self, request: Running) -> None:
        if request.lane is not None:
            # In exact mode only what whole chunks made is what the cache holds.
            same = request.done
            if self._exact:
                same = min(same, request.prompt) // self._cache.page * self._cache.page
            self._lanes.release(request.lane, request.scope, request.key(same))
            request.reached = max(request.reached, request.done)
            request.lane, request.done = None, 0


def _lane(request: Running) -> Lane:
    assert request.lane is not None, "a request without a lane was scheduled"
    return request.lane
