"""Explicit caches as the gateway has them: asked before a request goes out, told after it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from multidict import CIMultiDict
from yarl import URL

from headstart.dialects import Gemini, Unmarkable
from headstart.planner import Allowance, Demand, ExplicitPlanner, Key, Prefix
from headstart.prompt import Chain
from headstart.server.gateway.case import Case, Ending
from headstart.server.gateway.credentials import Credentials
from headstart.server.gateway.explicit.journal import Journal
from headstart.server.gateway.explicit.keeper import Keeper
from headstart.server.gateway.explicit.leftovers import Leftovers
from headstart.server.gateway.explicit.maker import Maker
from headstart.server.gateway.explicit.objects import Held
from headstart.server.gateway.explicit.site import Site, site_of
from headstart.server.gateway.explicit.turn import Turn, rest_of, turn_of
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.keepalive import BUSY
from headstart.server.gateway.targets import Spoken
from headstart.server.upstreams import Upstream
from headstart.usage import RequestRecord, Usage

USED: Final = "cache=explicit"
"""Plan of a request that went out as the continuation of an object, and of one that was sent
once more, as the client wrote it, because its object was refused."""
GONE: Final = "cache=gone"
_UNFIT: Final = 400
_REFUSED: Final = frozenset({_UNFIT, 403, 404})


class Explicit:
    """Not safe across threads, but for ``nudge``. No fault leaves it."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        credentials: Credentials,
        sink: Callable[[RequestRecord], None],
        faults: Faults,
        counts: Counter[str],
        *,
        journal: Journal | None = None,
        planner: ExplicitPlanner | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``counts`` are of what becomes of objects; ``journal``: what survives a kill; None:
        nothing does, and objects lapse."""
        self._upstreams = {n: up for n, up in upstreams.items() if up.explicit_caches}
        self._credentials = credentials
        self._planner = planner or ExplicitPlanner()
        self._faults = faults
        self._counts = counts
        self._clock = clock
        self._allowances = {
            name: Allowance(*upstream.explicit_cache_limit)
            for name, upstream in self._upstreams.items()
        }
        self.keeper = keeper = Keeper(self._planner, sink, faults, counts, journal, clock)
        self._maker = Maker(self._planner, keeper, faults)
        self.leftovers = Leftovers(journal.leftovers if journal is not None else ())

    def start(self) -> None:
        """Delete what earlier gateways have left, where the credential is ours."""
        self.leftovers.expire(self._clock(), self.keeper.journal)
        for route in self.leftovers.routes:
            upstream = self._upstreams.get(route)
            if upstream is not None and upstream.auth == "inject":
                headers: CIMultiDict[str] = CIMultiDict()
                self._credentials.apply(route, upstream, headers)
                self._sweep(route, "", site_of(upstream, URL(upstream.base_url), headers))

    def begin(
        self, case: Case, told: Spoken, body: bytes, headers: Mapping[bytes, bytes], query: bytes
    ) -> Turn | None:
        """A request is about to go out; None for one that is left alone."""
        if not isinstance(told.hosted, Gemini):
            return None
        try:
            upstream = case.target.upstream
            credential = self._credentials.named(upstream, headers, query)
            turn = turn_of(case, body, credential, self.keeper.objects, self._clock())
            if turn is not None and turn.held is not None:
                self._use(turn)
            return turn
        except Unmarkable:
            self._faults.counts["unmarkable"] += 1
        except Exception as error:
            self._faults.note("explicit", error)
        return None

    def answered(self, turn: Turn, ending: Ending, url: URL, headers: CIMultiDict[str]) -> None:
        """Its response is over. ``headers`` went out with it."""
        try:
            case = turn.case
            good = 200 <= ending.status < 300
            if ending.status in BUSY:
                self.keeper.pause(turn.group.route)
            if turn.doubted is not None and good:
                self._unfit(turn.doubted)
            site = site_of(case.target.upstream, url, headers)
            if self.leftovers.routes and good:
                self._sweep(turn.group.route, turn.credential, site)
            usage = ending.facts.usage
            if usage is not None and ending.whole and good:
                self._learn(turn, usage, site)
        except Exception as error:
            self._faults.note("explicit", error)

    async def close(self) -> None:
        """Delete every object that was made."""
        await self.keeper.close()

    def _use(self, turn: Turn) -> None:
        """The request goes out as the continuation of an object."""
        held, case = turn.held, turn.case
        assert held is not None
        chain = case.chain

        def again(status: int) -> bytes | None:
            if status not in _REFUSED:
                return None
            try:
                self._refused(turn, held, chain, status)
            except Exception as error:
                self._faults.note("explicit", error)
            return turn.body

        held.lease.used = max(held.lease.used, self._clock())
        # The whole prompt's digests stay: what it is explained by, and no reason to wait.
        case.chain = replace(chain, controls=replace(chain.controls, resource=held.name))
        case.header = f"{USED};{held.lease.tokens}"
        turn.again = again
        self._begin(case, self._rest(turn))

    def _refused(self, turn: Turn, held: Held, chain: Chain, status: int) -> None:
        """It is sent once more, as the client wrote it."""
        turn.held, turn.again = None, None
        turn.case.chain, turn.case.header = chain, GONE
        self._begin(turn.case, chain)
        if status == _UNFIT:
            turn.doubted = held
            return
        self.keeper.gone(held)
        # Where objects never last, this is how often one is paid for.
        self._maker.refuse(held.key, held.lease.making.ttl)

    def _rest(self, turn: Turn) -> Chain | None:
        assert turn.held is not None
        try:
            return rest_of(turn.case, turn.held.count, turn.held.name)
        except Exception as error:
            self._faults.note("explicit", error)
            return None

    def _begin(self, case: Case, chain: Chain | None) -> None:
        """It goes out as this: what it will find."""
        if chain is None:
            return
        try:
            case.ticket.abort()
            ticket = case.model.emulator.begin(chain, self._clock(), scope=case.tenant)
            ticket.request, case.ticket = case.id, ticket
        except Exception as error:
            self._faults.note("explicit", error)

    def _unfit(self, held: Held) -> None:
        """A request that continues it is refused, and the same one without it is not: another
        one is not wanted for a while."""
        self._maker.refuse(held.key)
        if held.key in self.keeper.objects and not self.keeper.closed:
            self._counts["unfit"] += 1
            self.keeper.spawn(self.keeper.delete(held))

    def _learn(self, turn: Turn, usage: Usage, site: Site) -> None:
        """What the prefixes are worth, and whether to make an object of one."""
        now, case = self._clock(), turn.case
        key = Key(turn.group.tenant, turn.group.route, case.call.prompt.model)
        scale = usage.input / case.chain.tokens if case.chain.tokens else 1.0
        counts = sorted(turn.prefixes)
        prefixes = [
            prefix._replace(tokens=max(1, round(prefix.tokens * scale)))
            for prefix in (turn.prefixes[count] for count in counts)
        ]
        lease = turn.held.lease if turn.held is not None else None
        demands = self._planner.answered(
            key, prefixes, usage.input, usage.read, lease, turn.terms, now
        )
        free: dict[Prefix, int] = {}
        candidates: list[tuple[Prefix, Demand]] = []
        for count, prefix, demand in zip(counts, prefixes, demands, strict=True):
            if self._maker.free(turn.group, prefix.name, now):
                free[prefix] = count
                candidates.append((prefix, demand))
        allowance = self._allowances[turn.group.route]
        short = allowance.refused
        making = self._planner.wanted(key, candidates, turn.terms, allowance, now)
        self._counts["over_budget"] += allowance.refused - short
        if making is not None:
            self._maker.make(turn, free[making.prefix], making, site)

    def _sweep(self, route: str, credential: str, site: Site) -> None:
        keeper = self.keeper
        self.leftovers.expire(self._clock(), keeper.journal)
        if not self.leftovers.new(route, credential):
            return

        async def sweep() -> None:
            deleted = await self.leftovers.sweep(route, site, keeper.calls, keeper.journal)
            self._counts["swept"] += deleted

        keeper.spawn(sweep())
