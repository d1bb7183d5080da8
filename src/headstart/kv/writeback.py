"""What happens to pages behind a request's back: writing, promotion, leases, recency."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from headstart.kv.format import Codec
from headstart.kv.keyring import Keyring
from headstart.kv.lane import Lane
from headstart.kv.pages import Payload, Prefix
from headstart.kv.tiers.contract import Buffer, PageKey, Tier

_MOST_SEEN = 200_000


class BackCounts(NamedTuple):
    """Counters, and bytes waiting now."""

    queued_bytes: int
    offered: int
    dropped: int
    promoted: int
    faults: int


class WriteBack:
    """One lane seals pages and writes them to local tiers; each remote tier has a lane of
    its own behind it, so that a slow one holds up nobody else."""

    def __init__(
        self, tiers: Sequence[Tier], codec: Codec, keyring: Keyring, queue_bytes: int
    ) -> None:
        """``queue_bytes`` for each lane."""
        self._local = [tier for tier in tiers if tier.local]
        self._front = Lane("kv-write", queue_bytes)
        self._remote = {
            tier: Lane(f"kv-write-{tier.name}", queue_bytes) for tier in tiers if not tier.local
        }
        self._codec = codec
        self._keyring = keyring
        self._lock = threading.Lock()
        self._waiting: Counter[str] = Counter()
        self._seen: OrderedDict[str, None] = OrderedDict()
        """Pages known to be in a remote tier, for stacks without a local one."""
        self._offered = self._dropped = self._promoted = 0

    def offer(self, key: PageKey, payload: Payload) -> bool:
        """Queue a page; False if it was dropped."""
        size = 0 if callable(payload) else memoryview(payload).nbytes
        with self._lock:
            self._offered += 1
            self._waiting[key.name] += 1
        if self._front.submit(partial(self._write, key, payload), size):
            return True
        with self._lock:
            self._dropped += 1
        self._settle(key)
        return False

    def promote(self, key: PageKey, data: Buffer) -> None:
        """Queue a whole object, read from a slower tier, for the first one."""
        if self._local and self._front.submit(
            partial(self._promote, key, data), memoryview(data).nbytes
        ):
            with self._lock:
                self._promoted += 1

    def touch(self, prefix: Prefix, now: float) -> None:
        """Count a use of the prefix in every tier."""
        for keys in (prefix.shared, prefix.keys):
            if keys:
                self._everywhere(partial(_touch, keys, now))

    def lease(self, prefix: Prefix, until: float, now: float) -> None:
        """Lease the prefix in every tier."""
        for keys in (prefix.shared, prefix.keys):
            if keys:
                self._everywhere(partial(_lease, keys, until, now))

    def seen(self, keys: Iterable[PageKey]) -> None:
        """Remember that these are stored."""
        if self._local:
            return
        with self._lock:
            for key in keys:
                self._seen[key.name] = None
                self._seen.move_to_end(key.name)
            while len(self._seen) > _MOST_SEEN:
                self._seen.popitem(last=False)

    def skip(self, keys: Sequence[PageKey], start: int) -> int:
        """The first page from ``start`` on that is neither waiting to be written nor seen."""
        with self._lock:
            while start < len(keys):
                name = keys[start].name
                if name not in self._waiting and name not in self._seen:
                    break
                start += 1
        return start

    def submit(self, job: Callable[[], object], tier: Tier | None = None) -> None:
        """Run something in the background, in a remote tier's lane or the first."""
        lane = self._remote[tier] if tier else self._front
        lane.submit(partial(_ignore, job))

    def counts(self) -> BackCounts:
        """Counters."""
        lanes = [self._front, *self._remote.values()]
        return BackCounts(
            sum(lane.queued_bytes for lane in lanes),
            self._offered,
            self._dropped,
            self._promoted,
            sum(lane.faults for lane in lanes),
        )

    def flush(self, timeout: float) -> bool:
        """Wait for everything submitted so far."""
        deadline = time.monotonic() + timeout
        # The first lane feeds the others: it must be empty before they can be.
        lanes = [self._front, *self._remote.values()]
        return all(lane.flush(deadline) for lane in lanes)

    def close(self) -> None:
        """Drop what is queued and stop."""
        for lane in [self._front, *self._remote.values()]:
            lane.close()

    def _write(self, key: PageKey, payload: Payload) -> None:
        try:
            data = payload() if callable(payload) else payload
            keys = self._keyring.holder(key.scope)
            if data is None or keys is None:
                return
            parts = self._codec.encode(key, memoryview(data).cast("B"), keys.data)
            for tier in self._local:
                tier.put(key, parts)
            for tier, lane in self._remote.items():
                size = sum(len(part) for part in parts)
                if not lane.submit(partial(self._send, tier, key, parts), size):
                    with self._lock:
                        self._dropped += 1
            if not self._keyring.holder(key.scope):
                # Forgotten meanwhile: after the drop that went with it.
                for tier in self._local:
                    tier.delete(key)
        finally:
            self._settle(key)

    def _send(self, tier: Tier, key: PageKey, parts: Sequence[Buffer]) -> None:
        if self._keyring.holder(key.scope) and tier.put(key, parts):
            self.seen([key])

    def _promote(self, key: PageKey, data: Buffer) -> None:
        if self._keyring.holder(key.scope):
            self._local[0].put(key, [data])

    def _settle(self, key: PageKey) -> None:
        with self._lock:
            self._waiting[key.name] -= 1
            if self._waiting[key.name] <= 0:
                del self._waiting[key.name]

    def _everywhere(self, act: Callable[[Tier], object]) -> None:
        """In every tier's lane, after what was offered to it so far."""

        def run() -> None:
            for tier in self._local:
                act(tier)
            for tier, lane in self._remote.items():
                lane.submit(partial(_ignore, partial(act, tier)))

        self._front.submit(run)


def _touch(keys: Sequence[PageKey], now: float, tier: Tier) -> None:
    tier.touch(keys, now)


def _lease(keys: Sequence[PageKey], until: float, now: float, tier: Tier) -> None:
    tier.lease(keys, until, now)


def _ignore(job: Callable[[], object]) -> None:
    job()
