"""Reading pages ahead, in parallel, into the places an engine wants them."""

from __future__ import annotations

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
"""Pages read at the same time."""


class Fetcher:
    """Loads located pages; ``loaded`` and ``damaged`` count them."""

    def __init__(
        self, tiers: Sequence[Tier], codec: Codec, keyring: Keyring, back: WriteBack
    ) -> None:
        self._tiers = tiers
        self._codec = codec
        self._keyring = keyring
        self._back = back
        self._pool = ThreadPoolExecutor(AHEAD, "kv-read")
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
                    tier, key = located.tiers[started], located.keys[started]
                    ahead.append(self._pool.submit(self._fetch, tier, key, target))
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
        self._pool.shutdown()

    def _arrived(self, page: Future[bool], deadline: float | None) -> bool:
        try:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            return page.result(left)
        except TimeoutError:
            return False

    def _fetch(self, index: int, key: PageKey, target: Sequence[memoryview]) -> bool:
        """Whether the target now holds the verified page."""
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
