"""A request that is over as a record for the ledger."""

from __future__ import annotations

from typing import NamedTuple

from headstart.dialects import Diagnosis
from headstart.server.gateway.case import Case, Ending
from headstart.usage import MissReason, RequestRecord, Usage

_NOTHING = Usage()


class Why(NamedTuple):
    """Why a request did not read all that was seen of it, and how many tokens that are."""

    reason: MissReason | None
    lost: int
    confirmed: bool = False

    def confirmed_by(self, diagnosis: Diagnosis | None) -> Why:
        """What the provider says replaces what was inferred."""
        if diagnosis is None:
            return self
        missed = self.lost if diagnosis.missed is None else diagnosis.missed
        return Why(diagnosis.reason, missed, confirmed=True)


def record_of(case: Case, ending: Ending, why: Why, outline: bytes | None) -> RequestRecord:
    """What is kept of it."""
    lookup, pricer = case.ticket.lookup, case.model.pricer
    reported = ending.facts.usage
    failed = reported is None and not 200 <= ending.status < 300
    usage = reported or (Usage() if failed else lookup.usage)
    parted = lookup.divergence
    return RequestRecord(
        id=case.id,
        time=case.came,
        tenant=case.tenant,
        route=case.target.name,
        provider=case.target.upstream.provider,
        model=case.call.prompt.model,
        usage=usage,
        status=ending.status,
        prefix=case.version,
        estimated=reported is None and not failed,
        stream=case.call.stream,
        cost=pricer.cost(usage),
        cost_uncached=pricer.uncached(usage),
        cost_automatic=_automatic(case, ending, usage),
        predicted=lookup.usage,
        predicted_cost=lookup.cost,
        plan=case.header,
        reason=why.reason,
        confirmed=why.confirmed,
        lost=why.lost,
        lost_cost=_lost_cost(case, why.lost),
        ttft=ending.ttft,
        latency=ending.latency,
        waited=case.waited,
        against=parted.against if parted is not None else None,
        outline=outline,
        prompt=case.prompt,
    )


def _automatic(case: Case, ending: Ending, usage: Usage) -> float | None:
    """What failed costs the same in any mode, and leaves nothing."""
    if not (ending.whole and 200 <= ending.status < 300):
        return case.model.pricer.cost(usage)
    segments = case.call.prompt.segments
    last = next((i for i in reversed(range(len(segments))) if segments[i].markable), None)
    now = case.came + case.waited
    return case.model.automatic.cost(case.chain, last, usage, now, case.tenant)


def _lost_cost(case: Case, lost: int) -> float | None:
    if not lost:
        return case.model.pricer.cost(_NOTHING)
    fresh = case.model.pricer.cost(Usage(fresh=lost))
    read = case.model.pricer.cost(Usage(read=lost))
    return None if fresh is None or read is None else fresh - read
