"""The replicas of one route: who there is, who takes the next request, and their health."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Final

import aiohttp

from headstart.planner.affinity import Affinity, Asked, block_keys, extras_of
from headstart.server.replica_tables import ReplicaTable
from headstart.server.replicas.events import Subscriber
from headstart.server.replicas.health import State
from headstart.server.replicas.member import Member
from headstart.server.replicas.probes import alive, capacity, tokens_of

if TYPE_CHECKING:
    from headstart.server.gateway.faults import Faults
    from headstart.server.upstreams import Upstream

INTERVAL: Final = 5.0
"""Seconds between two probes of a replica that is up."""
_LOOK: Final = 0.5
Clock = Callable[[], float]


class Fleet:
    """Used in one event loop. What it starts ends with ``close``."""

    def __init__(
        self,
        name: str,
        upstream: Upstream,
        faults: Faults,
        *,
        interval: float = INTERVAL,
        clock: Clock = time.monotonic,
    ) -> None:
        """ConfigError where events are asked for and can't be had."""
        self.name = name
        self.upstream = upstream
        self.affinity = Affinity()
        self.members: dict[str, Member] = {}
        self.failovers = 0
        """Requests that went to another replica after one that could not be reached, or
        broke off before it answered."""
        self.tokenized: Counter[str] = Counter()
        """Prompts that a replica was asked the tokens of, those it did not give, and ms."""
        self.clock = clock
        self._faults = faults
        self._interval = interval
        self._turns = count()
        self._session: aiohttp.ClientSession | None = None
        self._probing: dict[str, asyncio.Task[None]] = {}
        self._running = False
        for table in upstream.replicas:
            self._join(table)

    def start(self) -> None:
        """Begin to probe and to listen, in the loop that runs."""
        if not self._running:
            self._running = True
            for member in self.members.values():
                self._watch(member)

    async def close(self) -> None:
        """End all of that."""
        self._running = False
        for name in list(self._probing):
            await self._unwatch(self.members[name])
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def add(self, table: ReplicaTable) -> Member:
        """A further replica, from now on. ValueError if its name is taken; ConfigError."""
        if table.name in self.members:
            raise ValueError(f"{table.name} is a replica of {self.name} already")
        member = self._join(table)
        if self._running:
            self._watch(member)
        return member

    async def remove(self, name: str) -> None:
        """What is under way there goes on, and is not counted any more. KeyError."""
        await self._unwatch(self.members[name])
        self.members.pop(name).leave()

    async def with_tokens(
        self,
        asked: Asked,
        path: str,
        body: bytes,
        headers: dict[str, str],
        salt: str | None,
    ) -> Asked:
        """The same prompt, with keys of its blocks where replicas publish theirs. One of
        them is asked for its tokens; what fails leaves it as it is."""
        size = next((s.block_tokens for s in self._exact() if s.block_tokens), 0)
        ready = [m for m in self.members.values() if self.affinity[m.name].open]
        if not size or not ready:
            return asked
        member = ready[next(self._turns) % len(ready)]
        since = self.clock()
        tokens = await tokens_of(self.session(), member.table.url, path, body, headers)
        self.tokenized["ms"] += round(1e3 * (self.clock() - since))
        self.tokenized["asked"] += 1
        # The last token is always computed: a block that ends with it is not read.
        whole = max(0, len(tokens or ()) - 1) // size
        try:
            keys = block_keys((tokens or [])[: whole * size], size, extras_of(whole, salt=salt))
        except ValueError:
            keys = []
        if not tokens:
            self.tokenized["failed"] += 1
            self._faults.counts["tokenize"] += 1
            return asked
        return asked._replace(tokens=len(tokens), blocks=keys, block_tokens=size)

    def session(self) -> aiohttp.ClientSession:
        """For probes, in the loop that runs."""
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    def _exact(self) -> list[Subscriber]:
        if not self.upstream.tokenize:
            return []
        return [m.subscriber for m in self.members.values() if m.subscriber is not None]

    def _join(self, table: ReplicaTable) -> Member:
        subscriber = None
        if table.events is not None:
            sized = table.capacity is not None
            subscriber = Subscriber(
                self.affinity, table.name, table.events, table.replay, self._faults, sized=sized
            )
        member = self.members[table.name] = Member(table, self.upstream, self.affinity, subscriber)
        return member

    def _watch(self, member: Member) -> None:
        self._probing[member.name] = asyncio.ensure_future(self._probe(member))
        if member.subscriber is not None:
            member.subscriber.start()

    async def _unwatch(self, member: Member) -> None:
        task = self._probing.pop(member.name, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if member.subscriber is not None:
            await member.subscriber.close()

    async def _probe(self, member: Member) -> None:
        """Again and again, until cancelled."""
        sized = False
        while True:
            good, reached = await alive(self.session(), member.table)
            member.health.probed(good, reached, self.clock(), self._interval)
            member.settle()
            if good and not sized:
                sized = True
                member.sized(await capacity(self.session(), member.table) or 0)
            sized = sized and member.health.state is not State.DOWN
            # A request may find it down, and so bring the next probe forward.
            while (wait := member.health.due - self.clock()) > 0:
                await asyncio.sleep(min(wait, _LOOK))
