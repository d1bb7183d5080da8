"""Reading pages ahead, in parallel, into the places an engine wants them."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from headstart.kv.format import HEADER_BYTES, Codec, FormatError
from headstart.kv.keyring import Keyring
from headstart.kv.pages import Loaded, Located, Sink
from headstart.kv.tiers.contract import PageKey, Tier
from headstart.kv.tiers.memory import scatter
from headstart.kv.writeback import WriteBack

AHEAD = 4
"""Pages asked for at the same time."""
LOCAL_READERS = max(2, min(AHEAD, os.cpu_count() or 1))
"""Pages of a local tier read at the same time: reading and verifying one keeps a core busy."""
EXPECTED = 8
"""Pages that a local tier is told of before they are read."""


class Fetcher:
    """Loads located pages; ``loaded`` and ``damaged`` count them."""

    def __init__(
        self, tiers: Sequence[Tier], codec: Codec, keyring: Keyring, back: WriteBack
    ) -> None:
        self._tiers = tiers
        self._codec = codec
        self._keyring = keyring
        self._back = back
        self._local = ThreadPoolExecutor(LOCAL_READERS, "kv-read")
        self._remote = ThreadPoolExecutor(AHEAD, "kv-read-remote")
        self.loaded = 0
        self.damaged = 0

    def load(self, located: Located, sink: Sink, seconds: float | None) -> Loaded:
        """See ``TieredStore.load``."""
        deadline = time.monotonic() + seconds if seconds is not None else None
        ahead: deque[Future[bool]] = deque()
        counts = [0] * len(self._tiers)
        done = started = 0
        refused = False
        try:
            while True:
                while not refused and len(ahead) < AHEAD and started < len(located.keys):
                    target = sink.target(located.first + started)
                    if target is None:
                        refused = True
                        break
                    ahead.append(self._submit(located, started, target))
                    started += 1
                if not ahead or not self._arrived(ahead[0], deadline):
                    break
                ahead.popleft()
                sink.commit(located.first + done)
                counts[located.tiers[done]] += 1
                done += 1
        finally:
            # What is still being read goes to buffers that are the sink's again afterwards.
            wait(ahead)
        self.loaded += done
        return Loaded(done, tuple(counts))

    def close(self) -> None:
        """Stop the threads."""
        self._local.shutdown()
        self._remote.shutdown()

    def _submit(self, located: Located, number: int, target: Sequence[memoryview]) -> Future[bool]:
        pool = self._local if self._tiers[located.tiers[number]].local else self._remote
        return pool.submit(self._fetch, located, number, target)

    def _arrived(self, page: Future[bool], deadline: float | None) -> bool:
        try:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            return page.result(left)
        except TimeoutError:
            return False

    def _fetch(self, located: Located, number: int, target: Sequence[memoryview]) -> bool:
        """Whether the target now holds the verified page."""
        self._expect(located, number)
        return self._read(located.tiers[number], located.keys[number], target)

    def _expect(self, located: Located, number: int) -> None:
        """With the first page the next ones are announced, with each later page one more."""
        first = number + EXPECTED if number else 0
        for later in range(first, min(number + EXPECTED + 1, len(located.keys))):
            self._tiers[located.tiers[later]].expect(located.keys[later])

    def _read(self, index: int, key: PageKey, target: Sequence[memoryview]) -> bool:
        keys = self._keyring.holder(key.scope)
        if keys is None:
            return False
        tier = self._tiers[index]
        head = memoryview(bytearray(HEADER_BYTES))
        check = self._codec.check(key, keys.data)
        whole = None
        if tier.local:
            size = tier.read(key, [head, *target], check)
        else:
            whole = tier.get(key)
            size = None if whole is None else scatter(whole, [head, *target], check)
        if size is None:
            return False
        try:
            if size != self._codec.object_bytes:
                raise FormatError(f"{size} bytes are not a page of this model")
            check.finish()
        except FormatError:
            self.damaged += 1
            tier.delete(key, damaged=True)
            return False
        if whole is not None:
            self._back.promote(key, whole)
        return True
