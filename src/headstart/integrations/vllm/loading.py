"""Pages from the store into vLLM's blocks, on threads beside the model's."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from headstart.integrations.vllm.background import FAULTS, unbind
from headstart.integrations.vllm.blocks import BlockMemory
from headstart.integrations.vllm.plan import Pages
from headstart.kv.store import TieredStore

LOAD_SECONDS = 10.0
"""What a prompt waits for its pages in all; what came by then is used."""
LOADERS = 4
"""Prompts loaded at once; each reads its pages in parallel."""


class Loaded(NamedTuple):
    """A request whose loading has ended; these blocks hold nothing that may be used."""

    request: str
    failed: tuple[int, ...]


class Loader:
    """``pages``, ``failed`` and ``seconds`` count what was loaded, what was not, and how
    long requests waited, all of them together."""

    def __init__(self, store: TieredStore, memory: BlockMemory) -> None:
        self._store = store
        self._memory = memory
        self._pool = ThreadPoolExecutor(LOADERS, "headstart-load", initializer=unbind)
        self._done: queue.SimpleQueue[Loaded] = queue.SimpleQueue()
        self._pending = 0
        self.pages = self.failed = 0
        self.seconds = 0.0

    def start(self, wanted: Pages) -> None:
        """Fill the blocks in the background; ``finished`` tells the outcome."""
        self._pending += 1
        try:
            self._pool.submit(self._run, wanted)
        except RuntimeError:
            FAULTS.note("starting a thread")
            self._done.put(Loaded(wanted.request, wanted.blocks))

    def finished(self, wait: float = 0.0) -> list[Loaded]:
        """What has ended since the last call; ``wait`` so many seconds for the first, if
        anything is under way."""
        found: list[Loaded] = []
        try:
            while self._pending:
                block = wait > 0 and not found
                found.append(self._done.get(block, wait if block else None))
                self._pending -= 1
        except queue.Empty:
            pass
        return found

    def close(self) -> None:
        """End after what is under way."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, wanted: Pages) -> None:
        started = time.monotonic()
        loaded = 0
        try:
            loaded = self._load(wanted)
        except Exception:
            FAULTS.note("loading a prefix")
        self.pages += loaded
        self.failed += len(wanted.blocks) - loaded
        self.seconds += time.monotonic() - started
        self._done.put(Loaded(wanted.request, wanted.blocks[loaded:]))

    def _load(self, wanted: Pages) -> int:
        prefix = self._store.prefix(wanted.tokens, wanted.scope)
        located = self._store.probe(prefix, wanted.first)
        sink = _BlockSink(self._memory, wanted, self._store.fingerprint.page_bytes)
        self._store.load(located, sink, LOAD_SECONDS)
        scopes = {key.scope for key in located.keys}
        # Forgotten while its pages were on their way: nothing of them may be used.
        return sink.pages if all(map(self._store.keyring.holder, scopes)) else 0


class _BlockSink:
    """Reads into buffers of its own, so that nothing unverified reaches a block."""

    def __init__(self, memory: BlockMemory, wanted: Pages, page_bytes: int) -> None:
        self._memory, self._wanted, self._size = memory, wanted, page_bytes
        self._free: list[bytearray] = []
        self._reading: dict[int, bytearray] = {}
        self.pages = 0

    def target(self, page: int) -> Sequence[memoryview] | None:
        """See ``Sink``."""
        if page - self._wanted.first >= len(self._wanted.blocks):
            return None
        buffer = self._free.pop() if self._free else bytearray(self._size)
        self._reading[page] = buffer
        return [memoryview(buffer)]

    def commit(self, page: int) -> None:
        """See ``Sink``."""
        buffer = self._reading.pop(page)
        block = self._wanted.blocks[page - self._wanted.first]
        self._memory.load(self._memory.pages.page(buffer), block)
        self._free.append(buffer)
        self.pages += 1
