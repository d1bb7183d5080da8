"""A request's tokens and their price in units, by what is read and what is written."""

from __future__ import annotations

from headstart.planner.contract import PlannedRequest
from headstart.usage import Usage


def units(usage: Usage, request: PlannedRequest) -> float:
    """Units of input that exclusive buckets cost, output left out. Buckets without a price
    of their own cost what plain input does."""
    rates = request.rates
    total = usage.input - usage.read + rates.read * usage.read
    writes = dict(rates.writes)
    for life in request.rules.lifetimes:
        if life.bucket is not None and life.seconds in writes:
            total += getattr(usage, life.bucket) * (writes[life.seconds] - 1)
    return total


def planned_usage(request: PlannedRequest, read: int, long: int, short: int) -> Usage:
    """Buckets of a request that reads so many tokens and is written through segment ``long``
    for the longer lifetime, and on through ``short`` for the shorter one (-1: not)."""
    ends, total, writes = request.chain.ends, request.chain.tokens, request.rates.writes
    top = max(read, ends[long] if long >= 0 else 0)
    last = max(top, ends[short] if short >= 0 else 0)
    names = {life.seconds: life.bucket for life in request.rules.lifetimes}
    fields: dict[str, int] = {}
    for (ttl, _), tokens in ((writes[-1], top - read), (writes[0], last - top)):
        name = names.get(ttl)
        if tokens and name is not None:
            fields[name] = fields.get(name, 0) + tokens
    return Usage(total - read - sum(fields.values()), read, **fields)
