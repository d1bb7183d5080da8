"""New blocks to the store: copied layer by layer as they are computed, written behind."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from headstart.integrations.vllm.background import FAULTS, behind
from headstart.integrations.vllm.blocks import BlockMemory
from headstart.integrations.vllm.layout import Elements, Views
from headstart.integrations.vllm.plan import Pages, Use
from headstart.kv.pages import Prefix
from headstart.kv.store import TieredStore


class _Copy(NamedTuple):
    page: int
    block: int
    buffer: Elements
    views: Views


class _Job(NamedTuple):
    saves: list[tuple[Pages, list[_Copy]]]
    uses: Sequence[Use]


class Saver:
    """One step's pages are copied while it runs, and are the store's business afterwards.

    ``pages`` counts copies, ``dropped`` pages for which there was no room.
    """

    def __init__(self, store: TieredStore, memory: BlockMemory, most_bytes: int) -> None:
        """``most_bytes`` bounds pages copied and not yet handed to the store."""
        self._store = store
        self._memory = memory
        self._most = most_bytes
        self._held = 0
        self._guard = threading.Lock()
        self._step: list[tuple[Pages, list[_Copy]]] = []
        self._layers: set[int] = set()
        self._jobs: queue.SimpleQueue[_Job | threading.Event | None] = queue.SimpleQueue()
        self.pages = self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="headstart-save", daemon=True)
        self._thread.start()

    def begin(self, saves: Sequence[Pages]) -> None:
        """The pages that this step completes."""
        self._layers.clear()
        self._step = []
        for wanted in saves:
            try:
                self._step.append((wanted, self._buffers(wanted)))
            except MemoryError:
                FAULTS.note("copying pages")

    def layer(self, number: int) -> None:
        """A layer's KV of this step is there."""
        if number in self._layers:
            return
        self._layers.add(number)
        try:
            for _, copies in self._step:
                for made in copies:
                    self._memory.save(made.block, made.views, number)
        except Exception:
            FAULTS.note("copying pages")
            self._abandon()

    def end(self, uses: Sequence[Use]) -> None:
        """The step is over; layers that were not announced are copied now."""
        if self._step:
            for number in range(self._store.fingerprint.layout.layers):
                self.layer(number)
        if self._step or uses:
            self._jobs.put(_Job(self._step, uses))
        self._step = []

    def flush(self, timeout: float) -> bool:
        """Wait until all that was saved is written."""
        deadline = time.monotonic() + timeout
        reached = threading.Event()
        self._jobs.put(reached)
        if not reached.wait(timeout):
            return False
        return self._store.flush(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """End after what is queued."""
        self._jobs.put(None)
        self._thread.join()

    def _buffers(self, wanted: Pages) -> list[_Copy]:
        size = self._store.fingerprint.page_bytes
        element = self._memory.pages.element
        with self._guard:
            room = max(0, self._most - self._held) // size
            copied = min(room, len(wanted.blocks))
            self._held += copied * size
        self.pages += copied
        self.dropped += len(wanted.blocks) - copied
        made = []
        for i, block in enumerate(wanted.blocks[:copied]):
            buffer = np.empty(size // element.itemsize, element)
            views = self._memory.pages.page(buffer)
            made.append(_Copy(wanted.first + i, block, buffer, views))
        return made

    def _abandon(self) -> None:
        """Of a step that could not be copied whole, nothing is written."""
        self._give_back(self._step)
        self._step = []

    def _give_back(self, saves: Sequence[tuple[Pages, list[_Copy]]]) -> None:
        with self._guard:
            self._held -= sum(made.buffer.nbytes for _, copies in saves for made in copies)

    def _run(self) -> None:
        behind()
        while (job := self._jobs.get()) is not None:
            if isinstance(job, threading.Event):
                job.set()
                continue
            try:
                self._write(job)
            except Exception:
                FAULTS.note("saving a prefix")
            self._give_back(job.saves)
            # It holds the pages: let go of it before waiting for the next one.
            del job

    def _write(self, job: _Job) -> None:
        for wanted, copies in job.saves:
            prefix = self._store.prefix(wanted.tokens, wanted.scope)
            missing = self._store.wanted(prefix, use=False)
            for made in copies:
                if made.page in missing:
                    self._store.offer(prefix, made.page, made.buffer.data.cast("B"))
        for use in job.uses:
            self._used(self._store.prefix(use.tokens, use.scope), use)

    def _used(self, prefix: Prefix, use: Use) -> None:
        self._store.wanted(prefix)
        if use.lease_until:
            self._store.lease(prefix, use.lease_until)
