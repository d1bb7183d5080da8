"""A worker's end: one rank's blocks, its store, and what moves between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from headstart.integrations.vllm.background import FAULTS, behind
from headstart.integrations.vllm.blocks import BlockMemory, in_order
from headstart.integrations.vllm.loading import Loader
from headstart.integrations.vllm.metrics import Reporter, StoreStats
from headstart.integrations.vllm.options import Options
from headstart.integrations.vllm.plan import Step
from headstart.integrations.vllm.saving import Saver
from headstart.kv.fingerprint import Fingerprint

IDLE_SECONDS = 0.005
"""What a step that computes nothing waits for a page: the engine would only ask again."""
FLUSH_SECONDS = 10.0


class Working:
    """Called on the model's thread alone."""

    def __init__(self, options: Options, made: Fingerprint, names: Sequence[str]) -> None:
        """``names`` of the attention layers, in order; ValueError, TierUnavailable,
        SealError."""
        self._options = options
        self._names = list(names)
        self._numbers = {name: number for number, name in enumerate(names)}
        self._fingerprint = made
        # Threads inherit their starter's cores and priority: the store's writers start here,
        # its readers with the first load.
        with ThreadPoolExecutor(1, initializer=behind) as opener:
            self._store = opener.submit(options.open, made).result()
        self._loader: Loader | None = None
        self._saver: Saver | None = None
        self._reporter = Reporter(self._store)
        self._failed: set[int] = set()
        self._step = Step()

    def register(self, tensors: Mapping[str, Any], layers: Mapping[str, Any]) -> None:
        """vLLM's KV memory is there; UnknownLayout if it can't be turned into pages."""
        memory = BlockMemory(
            self._fingerprint.layout,
            self._fingerprint.page_tokens,
            in_order(self._names, layers),
            in_order(self._names, tensors),
        )
        self._loader = Loader(self._store, memory)
        self._saver = Saver(self._store, memory, self._options.write_queue)

    def start(self, step: Step) -> None:
        """A step's loads begin, in the background."""
        if self._loader is not None:
            for wanted in step.loads:
                self._loader.start(wanted)

    def bind(self, step: Step) -> None:
        """A step begins."""
        self._step = step
        if self._saver is not None:
            self._saver.begin(step.saves)

    def layer(self, name: str) -> None:
        """One layer's KV of this step is complete."""
        if self._saver is not None and self._step.saves and name in self._numbers:
            self._saver.layer(self._numbers[name])

    def end(self) -> None:
        """The step was computed."""
        if self._saver is not None:
            self._saver.end(self._step.uses)

    def finished(self) -> set[str]:
        """Requests whose loading has ended; ``failed`` has their blocks from now on."""
        if self._loader is None:
            return set()
        done = self._loader.finished(IDLE_SECONDS if self._step.idle else 0.0)
        self._failed.update(block for loaded in done for block in loaded.failed)
        return {loaded.request for loaded in done}

    def failed(self) -> set[int]:
        """Blocks of ``finished`` requests that could not be loaded."""
        failed, self._failed = self._failed, set()
        return failed

    def stats(self) -> StoreStats | None:
        """What has changed since the last call."""
        loader, saver, store = self._loader, self._saver, self._store
        if loader is None or saver is None:
            return None
        return self._reporter.report(
            {
                "loaded_pages": loader.pages,
                "failed_pages": loader.failed,
                "load_seconds": loader.seconds,
                "saved_pages": saver.pages,
                "dropped_pages": saver.dropped + store.dropped,
                "damaged_pages": store.damaged,
                "faults": FAULTS.count,
            }
        )

    def close(self) -> None:
        """Write what is waiting, within ``FLUSH_SECONDS``, and stop."""
        self._reporter.close()
        if self._loader is not None:
            self._loader.close()
        if self._saver is not None:
            self._saver.flush(FLUSH_SECONDS)
            self._saver.close()
        self._store.close()
