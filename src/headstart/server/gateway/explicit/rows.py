"""Rows of the ledger for what cache objects cost beside the requests that read them."""

from __future__ import annotations

import secrets

from headstart.server.gateway.case import Case
from headstart.server.gateway.explicit.objects import Held
from headstart.usage import CACHE_CREATED, CACHE_STORED, RequestRecord, Usage


def created(case: Case, tokens: int, status: int, asked: float, latency: float) -> RequestRecord:
    """An object was made of a prefix of that request."""
    usage = Usage(fresh=tokens)
    return RequestRecord(
        id=_id(),
        time=asked,
        tenant=case.tenant,
        route=case.target.name,
        provider=case.target.upstream.provider,
        model=case.call.prompt.model,
        usage=usage,
        status=status,
        prefix=case.version,
        cost=case.model.pricer.cost(usage),
        # Without caching there would be no object. What the implicit cache alone would have
        # made of its readers is not known, so neither is what is saved against it.
        cost_uncached=0.0,
        plan=CACHE_CREATED,
        latency=latency,
    )


def stored(held: Held, until: float, status: int) -> RequestRecord:
    """An object was held from ``held.billed`` until then."""
    lease = held.lease
    return RequestRecord(
        id=_id(),
        time=until,
        tenant=held.group.tenant,
        route=held.group.route,
        provider=held.site.upstream.provider,
        model=held.model_name,
        usage=Usage(),
        status=status,
        cost=lease.making.terms.holding(lease.tokens, until - held.billed),
        cost_uncached=0.0,
        plan=CACHE_STORED,
    )


def _id() -> str:
    return f"cache_{secrets.token_hex(12)}"
