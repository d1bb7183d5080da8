"""Live state shared by gateways: each tells what its requests did, and takes in the others'.

Facts are copied, not state: every gateway plans from its own memory, so that no request ever
waits for Valkey. A task sends what waits in the outbox to a stream that is cut at a length;
another one reads that stream from an hour ago on.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import msgspec

from headstart.planner import Fact
from headstart.providers import Trace
from headstart.server.shared.leases import SHARE, Leases
from headstart.server.shared.link import client, space_of
from headstart.server.shared.outbox import Outbox
from headstart.server.shared.peers import NOISE, Peers
from headstart.server.shared.wire import GATEWAY_BYTES, VERSION, Batch, Entries, Seal, Unreadable

MOST_BATCHES: Final = 20_000
"""That the stream holds, nearly."""
PAST: Final = 3600.0
"""Seconds of the others' facts that a gateway reads at its start."""
BEAT: Final = 5.0
"""Seconds of silence after which a gateway says that it is there."""
_BLOCK_MS: Final = 1000
_READ: Final = 64
_SLICE: Final = 32
"""Facts taken in before requests get their turn."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_LAST_WORDS: Final = 1.0
"""Seconds at the end for what still waits."""


Fault = Callable[[str, BaseException], None]
"""Counts one, by its kind."""


class Unavailable(Exception):
    """Shared state that can't be used as it is asked for; the text says why."""


class SharedState:
    """One gateway's part. Lives in the event loop of ``start``; raises nothing after that."""

    def __init__(
        self,
        url: str,
        secret: bytes,
        fault: Fault,
        learn: Callable[[Fact], None],
        observe: Callable[[Entries], None],
        *,
        clock: Callable[[], float] = time.time,
        lease_share: float = SHARE,
    ) -> None:
        """``learn`` and ``observe`` take in what others tell; ``clock`` is the computer's, by
        which clocks are compared."""
        self.counts: Counter[str] = Counter()
        self.outbox = Outbox(self.counts)
        self.peers = Peers()
        self.up = False
        self.lag = 0.0
        """Seconds from the sending of the latest batch to its being taken in."""
        self.gateway = secrets.token_bytes(GATEWAY_BYTES)
        self.leases = Leases(url, secret, self.gateway, share=lease_share)
        self._url, self._key = url, space_of(url) + ":facts"
        self._seal = Seal(secret)
        self._fault, self._learn, self._observe = fault, learn, observe
        self._clock = clock
        self._number = 0
        self._sending = False
        self._ahead = 0.0
        """Seconds that the server's clock is ahead of ours."""
        self._last = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._clients: list[Any] = []

    def tell(self, fact: Fact) -> None:
        """What the planner knows of a request that is over."""
        if fact.tellable:
            self.outbox.put(fact)

    def traced(
        self, provider: str, model: str, trace: Trace | None, automatic: Trace | None = None
    ) -> None:
        """What a request left behind at its provider."""
        if (trace or automatic) and len(model) <= 256:
            self.outbox.put(Entries(provider, model, trace, automatic))

    def start(self) -> None:
        """Begin to tell and to listen."""
        if not self._tasks:
            self._clients = [client(self._url), client(self._url, 2 + _BLOCK_MS / 1000)]
            loops = (self._speak(self._clients[0]), self._listen(self._clients[1]))
            self._tasks = [asyncio.get_running_loop().create_task(loop) for loop in loops]

    async def close(self) -> None:
        """Tell what still waits, and stop."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_LAST_WORDS):
                while self._tasks and self.up and (len(self.outbox) or self._sending):
                    await asyncio.sleep(0.01)
        # A client that is just then timing out may swallow a cancellation.
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            _, pending = await asyncio.wait(self._tasks, timeout=0.2)
            self._tasks = list(pending)
        for closing in (*(each.aclose for each in self._clients), self.leases.close):
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_LAST_WORDS):
                    await closing()

    async def _speak(self, valkey: Any) -> None:
        """Batch after batch; one that did not arrive is sent again."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self.outbox.filled.wait()
            facts, entries = self.outbox.take()
            self._sending = True
            self._number += 1
            pause = _FIRST_PAUSE
            while not await self._sent(valkey, facts, entries):
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            self.counts["sent"] += len(facts) + len(entries)
            self._sending = False

    async def _sent(self, valkey: Any, facts: list[Fact], entries: list[Entries]) -> bool:
        try:
            batch = Batch(VERSION, self._number, self._clock(), facts, entries)
            sealed = self._seal.close(batch, self.gateway)
            self.counts["bytes"] += len(sealed)
            fields = {b"g": self.gateway, b"d": sealed}
            await valkey.xadd(self._key, fields, maxlen=MOST_BATCHES, approximate=True)
        except Exception as error:
            self._ill(error)
            return False
        self.up = True
        return True

    async def _listen(self, valkey: Any) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                if not self._last or not self.up:
                    await self._begin(valkey)
                await self._read(valkey)
                pause = _FIRST_PAUSE
            except Exception as error:
                self._ill(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _begin(self, valkey: Any) -> None:
        """Compare clocks, and find where to read on: in a stream that is a new one, from its
        start."""
        before = self._clock()
        seconds, micros = await valkey.time()
        now = seconds + micros / 1e6
        self._ahead = now - (before + self._clock()) / 2
        if not self._last:
            self._last = f"{int(1000 * (now - PAST))}-0"
        elif _order(await self._newest(valkey)) < _order(self._last):
            self.counts["resets"] += 1
            self._last = "0-0"
        self.up = True

    async def _newest(self, valkey: Any) -> str:
        if not await valkey.exists(self._key):
            return "0-0"
        found = (await valkey.xinfo_stream(self._key))["last-generated-id"]
        return str(found.decode() if isinstance(found, bytes) else found)

    async def _read(self, valkey: Any) -> None:
        found = await valkey.xread({self._key: self._last}, count=_READ, block=_BLOCK_MS)
        streams = found.items() if isinstance(found, dict) else found or ()
        entries = [entry for _, some in streams for entry in some]
        if not entries and _order(await self._newest(valkey)) < _order(self._last):
            self.counts["resets"] += 1
            self._last = "0-0"
        for name, fields in entries:
            self._last = name.decode()
            await self._take(_order(self._last)[0] / 1000, fields)

    async def _take(self, stored: float, fields: dict[bytes, bytes]) -> None:
        gateway = fields.get(b"g", b"")
        if gateway == self.gateway:
            return
        try:
            batch = self._seal.open(fields.get(b"d", b""), gateway)
        except Unreadable:
            self.counts["foreign"] += 1
            return
        peer, now = self.peers.of(gateway), self._clock()
        if not peer.takes(batch.number):
            self.counts["repeated"] += 1
            return
        shift = peer.offset(stored, batch.sent) - self._ahead
        self.lag = max(0.0, now + self._ahead - stored)
        peer.heard = stored - self._ahead
        await self._apply(batch, shift if abs(shift) > NOISE else 0.0)

    async def _apply(self, batch: Batch, shift: float) -> None:
        """In slices: requests are not to wait for others' facts."""
        items: list[Fact | Entries] = [*batch.facts, *batch.entries]
        for number, item in enumerate(items, 1):
            try:
                if isinstance(item, Fact):
                    at = item.at + shift
                    self._learn(msgspec.structs.replace(item, at=at) if shift else item)
                else:
                    self._observe(_shifted(item, shift) if shift else item)
                self.counts["applied"] += 1
            except Exception as error:
                self._fault("shared", error)
            if number % _SLICE == 0:
                await asyncio.sleep(0)

    def _ill(self, error: Exception) -> None:
        if self.up:
            self._fault("shared_state", error)
        self.counts["failures"] += 1
        self.up = False


def _shifted(entries: Entries, shift: float) -> Entries:
    moved = [
        None if trace is None else trace._replace(start=trace.start + shift)
        for trace in (entries.trace, entries.automatic)
    ]
    return Entries(entries.provider, entries.model, *moved)


def _order(name: str) -> tuple[int, int]:
    """A stream id as numbers."""
    ms, _, count = name.partition("-")
    return int(ms), int(count or 0)


def shared_state(
    url: str,
    secret: bytes,
    fault: Fault,
    learn: Callable[[Fact], None],
    observe: Callable[[Entries], None],
    *,
    lease_share: float = SHARE,
) -> SharedState:
    """One gateway's part; connects at its start, and whenever it can. Unavailable without the
    libraries."""
    try:
        import valkey.asyncio  # noqa: F401

        return SharedState(url, secret, fault, learn, observe, lease_share=lease_share)
    except ImportError:
        raise Unavailable("shared_state needs the extra valkey: headstart[valkey]") from None
