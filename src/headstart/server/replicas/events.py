"""One replica's KV events, as they are published over ZMQ, into the index of blocks."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from headstart.planner.affinity import Affinity, Feed, Verdict
from headstart.server.config import ConfigError
from headstart.server.replicas.wire import Cleared, Removed, Stored, decoded

if TYPE_CHECKING:
    from zmq.asyncio import Socket

    from headstart.server.gateway.faults import Faults

REPLAY_SECONDS: Final = 2.0
"""How long a publisher may take to send each of the batches that it is asked for."""
_QUEUE: Final = 100_000
"""Batches that may wait before ZMQ drops them: they are then missing, and asked for."""
_LARGE: Final = 64 << 20
"""Bytes of a message at most."""


class Subscriber:
    """Follows one publisher until it is closed. What can't be had again makes the replica's
    index incomplete, and history counts beside it, until its cache is cleared."""

    def __init__(
        self,
        affinity: Affinity,
        name: str,
        events: str,
        replay: str | None,
        faults: Faults,
        *,
        sized: bool,
    ) -> None:
        """``sized``: the capacity was configured, and is not learned. ConfigError without
        pyzmq."""
        try:
            import zmq.asyncio as sockets
        except ImportError:
            raise ConfigError("KV events need pyzmq: pip install 'headstart[events]'") from None
        self._sockets = sockets
        self._affinity, self._name = affinity, name
        self._events, self._replay = events, replay
        self._faults = faults
        self._sized = sized
        self._feed = Feed()
        self.counts: Counter[str] = Counter()
        """Batches, blocks stored and removed, clears, batches lost, and restarts."""
        self.block_tokens = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the loop that runs."""
        self._task = asyncio.ensure_future(self._follow())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        import zmq

        context = self._sockets.Context()
        socket: Socket = context.socket(zmq.SUB)
        try:
            socket.setsockopt(zmq.RCVHWM, _QUEUE)
            socket.setsockopt(zmq.MAXMSGSIZE, _LARGE)
            socket.setsockopt(zmq.SUBSCRIBE, b"")
            socket.connect(self._events)
            if self._replay is not None:
                # It may have been publishing for long, and have nothing new to say for a while.
                await self._ask(self._replay, None)
                self._affinity[self._name].exact = self._feed.whole and self._feed.next > 0
            while True:
                frames = await socket.recv_multipart()
                try:
                    await self._take(frames)
                except ValueError as error:
                    self._faults.note("kv_events", error)
        finally:
            context.destroy(linger=0)

    async def _take(self, frames: list[bytes]) -> None:
        number, payload = _numbered(frames)
        verdict = self._feed.live(number)
        if verdict is Verdict.RESTART:
            self.counts["restarts"] += 1
            self._clear()
            verdict = Verdict.APPLY if number == 0 else Verdict.REPLAY
        if verdict is Verdict.REPLAY:
            if self._replay is not None:
                await self._ask(self._replay, number)
            lost = self._feed.lost
            verdict = self._feed.gave_up(number)
            self.counts["lost"] += self._feed.lost - lost
        if verdict is Verdict.APPLY:
            self._apply(payload)
        self._affinity[self._name].exact = self._feed.whole

    async def _ask(self, endpoint: str, last: int | None) -> None:
        """Apply what the publisher still has of the batches up to ``last``, or of all."""
        import zmq

        socket: Socket = self._sockets.Context.instance().socket(zmq.DEALER)
        try:
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.MAXMSGSIZE, _LARGE)
            socket.connect(endpoint)
            await socket.send_multipart([b"", self._feed.next.to_bytes(8, "big")])
            while last is None or self._feed.next <= last:
                async with asyncio.timeout(REPLAY_SECONDS):
                    frames = await socket.recv_multipart()
                number, payload = _numbered(frames)
                if not payload:
                    return
                lost = self._feed.lost
                if self._feed.replayed(number) is Verdict.APPLY:
                    self._apply(payload)
                self.counts["lost"] += self._feed.lost - lost
        except (TimeoutError, ValueError):
            self._faults.counts["kv_replay"] += 1
        finally:
            socket.close()

    def _apply(self, payload: bytes) -> None:
        """Whatever is wrong with one batch may be about any block."""
        self.counts["batches"] += 1
        try:
            for event in decoded(payload):
                self._one(event)
        except (ValueError, TypeError, OverflowError) as error:
            self._feed.whole = False
            self._faults.note("kv_events", error)

    def _one(self, event: Stored | Removed | Cleared) -> None:
        blocks, slot = self._affinity.blocks, self._affinity[self._name].slot
        if isinstance(event, Stored):
            self.counts["stored"] += len(event.hashes)
            self.block_tokens = event.size
            blocks.stored(slot, *event)
        elif isinstance(event, Removed):
            self.counts["removed"] += len(event.hashes)
            self._learn(blocks.held(slot, event.medium), event.medium)
            blocks.removed(slot, *event)
        else:
            self.counts["clears"] += 1
            self._clear()
            self._feed.cleared()

    def _learn(self, blocks: int, medium: str | None) -> None:
        """An engine gives up blocks when it is full: it was holding what it can hold."""
        if self._feed.whole and not self._sized and medium in (None, "GPU") and blocks:
            slot = self._affinity[self._name].slot
            self._affinity.history.resize(slot, blocks * self.block_tokens)

    def _clear(self) -> None:
        self._affinity.clear(self._name)


def _numbered(frames: list[bytes]) -> tuple[int, bytes]:
    """The last two frames, whatever stands before them: a topic, or an empty one."""
    if len(frames) < 2 or len(frames[-2]) != 8:
        raise ValueError(f"a message of {len(frames)} frames is no numbered batch")
    return int.from_bytes(frames[-2], "big", signed=True), frames[-1]
