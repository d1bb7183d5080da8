"""What the gateway makes of each request: a plan before it goes out, a record after it."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Mapping

from headstart.dialects import Call, DialectError, Hosted, Unmarkable
from headstart.dialects.pings import ping_output
from headstart.planner import Key, Outcome, Plan, Planner, Wake
from headstart.prompt import Chain, Known
from headstart.providers import Trace
from headstart.server.gateway.case import Case, Ending
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.insertion import asking_for_usage
from headstart.server.gateway.isolation import CHANGING, Bond, Isolation, bound, chained_to
from headstart.server.gateway.models import Model, Models
from headstart.server.gateway.outlines import Outlines
from headstart.server.gateway.planning import (
    key_header,
    planned_request,
    rechained,
    spliced,
    takes_key,
    version_of,
    wire_key,
)
from headstart.server.gateway.records import Why, record_of
from headstart.server.gateway.targets import Spoken, Target
from headstart.usage import RequestRecord

MOST_BLOCKS = 25_000
"""Messages, and content blocks, of a body that is read: each takes about 10 us, which all
others wait for."""
_LARGE = 512 << 10
_BLOCKS = (b'"role"', b'"type"')
"""Not found in text, where the quotes are escaped."""
Sink = Callable[[RequestRecord], None]
Clock = Callable[[], float]
Traced = Callable[[str, str, Trace | None, Trace | None], None]
"""Is told a provider, a model, and what a request left behind there and in automatic mode."""


class Accountant:
    """Plans, predicts and records. Not safe across threads. No fault leaves it."""

    def __init__(
        self,
        models: Models,
        planner: Planner,
        sink: Sink,
        faults: Faults,
        *,
        secret: bytes,
        isolation: Isolation,
        clock: Clock = time.time,
        traced: Traced | None = None,
    ) -> None:
        self._models = models
        self._planner = planner
        self._sink = sink
        self._faults = faults
        self._known = Known()
        self._secret = secret
        self._isolation = isolation
        self._clock = clock
        self._traced = traced
        self._outlines = Outlines(hmac.digest(secret, b"outline", "sha256"))

    def open(
        self,
        target: Target,
        spoken: Spoken,
        tenant: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> tuple[Case | None, bytes]:
        """Plan a request: its case, and the body to send. Without a case the body is the
        client's: it could not be read, and what is wrong with it is the upstream's to say."""
        try:
            if len(body) > _LARGE and max(map(body.count, _BLOCKS)) > MOST_BLOCKS:
                self._faults.counts["unread"] += 1
                return None, body
            return self._open(target, spoken, tenant, body, headers)
        except DialectError:
            self._faults.counts["unread"] += 1
        except Exception as error:
            self._faults.note("plan", error)
        return None, body

    def held(self, case: Case, seconds: float) -> None:
        """A request was held back, and goes only now: what it finds is looked up anew."""
        case.waited = seconds
        try:
            case.ticket.abort()
            ticket = case.model.emulator.begin(case.chain, self._clock(), scope=case.tenant)
            ticket.request = case.id
            case.ticket = ticket
        except Exception as error:
            self._faults.note("plan", error)

    def readable(self, case: Case) -> None:
        """Others were held for this one, and read what it writes from its first byte on: its
        entry counts from here, and not only once its response has come to its end. Whether
        it is there, their own usage says."""
        try:
            case.ticket.first_byte(self._clock())
        except Exception as error:
            self._faults.note("plan", error)

    def close(self, case: Case, ending: Ending) -> Wake | None:
        """Take in what became of it; when to ask for a keep-alive ping, if ever."""
        wake = None
        try:
            wake, why = self._settle(case, ending)
            record = record_of(case, ending, why, self._outline(case))
            if self._traced is not None:
                self._trace(case, self._traced)
        except Exception as error:
            self._faults.note("settle", error)
            return wake
        try:
            self._sink(record)
        except Exception as error:
            self._faults.note("record", error)
        return wake

    def _open(
        self,
        target: Target,
        spoken: Spoken,
        tenant: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> tuple[Case, bytes]:
        call = spoken.hosted.read(body, model=spoken.model, headers=headers, stream=spoken.stream)
        upstream, now = target.upstream, self._clock()
        model = self._models.get(upstream.provider, call.prompt.model)
        known = self._known.of(tenant, upstream.provider, call.prompt.model)
        chain = model.emulator.chain(call.prompt, known)
        key = Key(tenant, target.name, call.prompt.model)
        ping = ping_output(spoken.hosted, call) if upstream.keep_alive else None
        request = planned_request(key, model, call, chain, upstream.mode, now, ping)
        plan = self._planner.plan(request, now)
        out, header, apart, routing = body, plan.header, False, None
        if upstream.mode in CHANGING:
            bond = self._isolation.bond(
                target.name, tenant, spoken.hosted, call, model.rules, plan.cache_key
            )
            wanted = None if bond is not None else plan.cache_key
            name = key_header(spoken.hosted, chain) if wanted is not None else None
            if name is not None and wanted is not None:
                routing = name, wire_key(self._secret, tenant, wanted)
            out, header, chain = self._applied(
                spoken, body, call, model, chain, plan, tenant, wanted
            )
            if bond is not None:
                out, chain, apart = self._bound(out, chain, bond)
            if upstream.include_usage:
                out = self._asking(spoken.hosted, call, out)
        ticket = model.emulator.begin(chain, now, scope=tenant)
        stable = version_of(call.prompt, chain)
        version = wire_key(self._secret, "prefix", stable.hex())[:16] if stable else None
        ticket.request = _named(now)
        sent = out if ping is not None else None
        case = Case(
            ticket.request,
            now,
            tenant,
            target,
            call,
            model,
            chain,
            plan,
            ticket,
            header,
            version,
            sent,
            body.decode("utf-8", "replace") if upstream.store_prompts else None,
            routing=routing,
            apart=apart,
        )
        return case, out

    def _applied(
        self,
        spoken: Spoken,
        body: bytes,
        call: Call,
        model: Model,
        chain: Chain,
        plan: Plan,
        tenant: str,
        wanted: str | None,
    ) -> tuple[bytes, str, Chain]:
        """Body, header and chain as they go out: untouched where that is not certain."""
        key = None
        if wanted is not None and takes_key(spoken.hosted, call):
            key = wire_key(self._secret, tenant, wanted)
        if not plan.placements and not plan.strip and key is None:
            return body, plan.header, chain
        try:
            marked = spliced(spoken.hosted, body, plan, model.rules, key)
        except Unmarkable:
            self._faults.counts["unmarkable"] += 1
            self._planner.settle(plan, Outcome(None, None, 0.0, 0.0, ok=False))
            return body, "unmarkable", chain
        return marked.body, plan.header, rechained(chain, plan, key)

    def _bound(self, body: bytes, chain: Chain, bond: Bond) -> tuple[bytes, Chain, bool]:
        """Body and chain of a tenant, and whether they are."""
        try:
            return bound(body, bond), chained_to(chain, bond), True
        except Unmarkable:
            self._faults.counts["unisolated"] += 1
            return body, chain, False

    def _asking(self, hosted: Hosted, call: Call, body: bytes) -> bytes:
        try:
            return asking_for_usage(hosted, call, body)
        except Unmarkable:
            self._faults.counts["unmarkable"] += 1
            return body

    def _settle(self, case: Case, ending: Ending) -> tuple[Wake | None, Why]:
        """A failed or cut response changes no predicted entry."""
        ok = ending.whole and 200 <= ending.status < 300
        now = self._clock()
        facts = ending.facts
        usage = facts.usage if ok else None
        went = case.came + case.waited
        wake = self._planner.settle(case.plan, Outcome(usage, facts.stop, went, now, ok=ok))
        lookup = case.ticket.lookup
        why = Why(lookup.reason, lookup.lost)
        if not ok:
            case.ticket.abort()
            return wake, why
        case.ticket.first_byte(now)
        if usage is not None:
            found = case.model.emulator.reconcile(case.ticket, usage)
            if found is not None:
                why = Why(found, lookup.lost + max(0, lookup.usage.read - usage.read))
        return wake, why.confirmed_by(facts.diagnosis)

    def _trace(self, case: Case, traced: Traced) -> None:
        model = case.model
        left, automatic = model.emulator.trace(case.ticket), model.automatic.trace()
        if left is not None or automatic is not None:
            traced(case.target.upstream.provider, case.call.prompt.model, left, automatic)

    def _outline(self, case: Case) -> bytes | None:
        try:
            return self._outlines.packed(case.call.prompt, case.chain)
        except Exception as error:
            self._faults.note("outline", error)
            return None


def _named(now: float) -> str:
    """A request's id. It begins with its time, so that the ledger's index of them grows at its
    end: ids in no order would touch a page of it each."""
    return f"req_{int(now * 1000) & 0xFFFFFFFFFFF:011x}{secrets.token_hex(7)[:13]}"
