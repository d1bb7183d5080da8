"""One keep-alive ping: what it repeats, its way to the upstream, and its own record."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from headstart.dialects import Hosted
from headstart.dialects.pings import ping_body, ping_output
from headstart.planner import Outcome
from headstart.prompt import Chain
from headstart.providers import Ticket
from headstart.server.gateway.accountant import Traced
from headstart.server.gateway.case import Case
from headstart.server.gateway.client import Client, timeout_of
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.models import Model
from headstart.server.gateway.signing import Signer
from headstart.server.gateway.tap import Tap
from headstart.server.record import CLIENT_GONE
from headstart.server.upstreams import Upstream
from headstart.usage import PING, RequestRecord, Usage

LONGEST: Final = 120.0
"""Seconds after which a ping is given up."""
_ONCE: Final = ("idempotency-key", "x-idempotency-key")
"""Headers under which a second request would be taken for the first."""
_HEAD: Final = 4096
_DIGESTS: Final = 512
"""Bytes of memory that are counted for headers, and for each segment's digests."""


@dataclass(slots=True, repr=False, eq=False)
class Warm:
    """A request that may be repeated as a ping, with the credential it went out with. It is
    never written anywhere, and has no text of its own."""

    route: str
    upstream: Upstream
    tenant: str
    name: str
    model: Model
    chain: Chain
    version: str | None
    hosted: Hosted
    url: URL
    headers: CIMultiDict[str]
    signer: Signer | None
    body: bytes
    output: int

    @property
    def names(self) -> tuple[str, ...]:
        """Whose prefix it is, wherever it is pinged from."""
        return self.tenant, self.route, self.name

    @property
    def size(self) -> int:
        """Bytes of memory, nearly."""
        return len(self.body) + _HEAD + _DIGESTS * len(self.chain.keys)

    def price(self, now: float) -> float | None:
        """USD of a ping now; None where no price is known, or nothing is left to keep."""
        usage = self.model.emulator.peek(self.chain, now, scope=self.tenant).usage
        if not usage.read:
            return None
        return self.model.pricer.cost(usage + Usage(output=self.output))


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sent:
    """How a request went out. Its headers hold a credential."""

    hosted: Hosted
    url: URL
    headers: CIMultiDict[str]
    signer: Signer | None


def warm_of(case: Case, sent: Sent) -> Warm | None:
    """What there is to repeat of a request that was answered; None if it can't be."""
    if sent.signer is None and sent.headers.get("authorization", "").startswith("AWS4-"):
        return None  # the client's signature is of the client's body
    output = ping_output(sent.hosted, case.call)
    body = None if case.sent is None else ping_body(sent.hosted, case.sent, case.call)
    if output is None or body is None:
        return None
    headers = sent.headers.copy()
    for name in _ONCE:
        headers.popall(name, None)
    return Warm(
        case.target.name,
        case.target.upstream,
        case.tenant,
        case.call.prompt.model,
        case.model,
        case.chain,
        case.version,
        sent.hosted,
        sent.url,
        headers,
        sent.signer,
        body,
        output,
    )


class Pinged(NamedTuple):
    """What became of a ping."""

    outcome: Outcome
    status: int
    cost: float | None
    """USD; None where it is not known."""
    retry_after: float | None
    """Seconds that the upstream asked to be left alone for."""


class _Answer(NamedTuple):
    status: int
    usage: Usage | None = None
    retry_after: float | None = None
    came: bool = True
    """False: the status is ours, and what the ping cost is not known."""


class Pinger:
    """Sends pings, over connections of its own, and records each as a row of its own."""

    def __init__(
        self,
        sink: Callable[[RequestRecord], None],
        faults: Faults,
        clock: Callable[[], float],
        traced: Traced | None = None,
    ) -> None:
        self._sink = sink
        self._faults = faults
        self._clock = clock
        self._traced = traced
        self._client = Client()

    async def ping(self, warm: Warm) -> Pinged:
        """Send one, and wait for its whole answer. No fault of the upstream's leaves it."""
        started, began = self._clock(), time.perf_counter()
        ticket = warm.model.emulator.begin(warm.chain, started, scope=warm.tenant)
        ticket.request = f"ping_{secrets.token_hex(12)}"
        answer = _Answer(CLIENT_GONE, came=False)
        try:
            answer = await self._answer(warm)
        finally:
            latency = time.perf_counter() - began
            cost = self._settled(warm, ticket, answer, started, latency)
        ok = 200 <= answer.status < 300
        outcome = Outcome(answer.usage, None, started, self._clock(), ok=ok)
        return Pinged(outcome, answer.status, cost, answer.retry_after)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _answer(self, warm: Warm) -> _Answer:
        headers = warm.headers.copy()
        if warm.signer is not None:
            warm.signer.sign("POST", warm.url, headers, warm.body)
        request = self._client.session().post(
            warm.url,
            headers=headers,
            data=warm.body,
            allow_redirects=False,
            timeout=timeout_of(warm.upstream),
        )
        try:
            async with asyncio.timeout(LONGEST), request as response:
                return await _read(response, warm.hosted)
        except TimeoutError:
            return _Answer(504, came=False)
        except (aiohttp.ClientError, OSError, ValueError):
            return _Answer(502, came=False)

    def _settled(
        self, warm: Warm, ticket: Ticket, answer: _Answer, started: float, latency: float
    ) -> float | None:
        """Take in what became of it; its cost in USD."""
        ok = 200 <= answer.status < 300
        if not ok:
            ticket.abort()
        else:
            ticket.first_byte(self._clock())
            if answer.usage is not None:
                warm.model.emulator.reconcile(ticket, answer.usage)
            if self._traced is not None:
                trace = warm.model.emulator.trace(ticket)
                self._traced(warm.upstream.provider, warm.name, trace, None)
        lookup = ticket.lookup
        usage = answer.usage or (lookup.usage + Usage(output=warm.output) if ok else Usage())
        cost = warm.model.pricer.cost(usage) if answer.came else None
        record = RequestRecord(
            id=ticket.request,
            time=started,
            tenant=warm.tenant,
            route=warm.route,
            provider=warm.upstream.provider,
            model=warm.name,
            usage=usage,
            status=answer.status,
            prefix=warm.version,
            estimated=ok and answer.usage is None,
            cost=cost,
            # Without caching there would be no ping.
            cost_uncached=0.0,
            cost_automatic=0.0,
            predicted=lookup.usage,
            predicted_cost=lookup.cost,
            plan=PING,
            reason=lookup.reason,
            latency=latency,
        )
        try:
            self._sink(record)
        except Exception as error:
            self._faults.note("record", error)
        return cost


async def _read(response: aiohttp.ClientResponse, hosted: Hosted) -> _Answer:
    tap = Tap.of(hosted, response.headers)
    async for chunk in response.content.iter_any():
        tap.feed(chunk)
    return _Answer(
        response.status, tap.facts().usage, retry_after(response.headers.get("retry-after"))
    )


def retry_after(text: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header, which may also be a date (RFC 9110, 10.2.3)."""
    if not text:
        return None
    if text.isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()
    return max(0.0, at - time.time())
