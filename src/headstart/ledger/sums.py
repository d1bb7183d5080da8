"""``Totals``, field by field, as SQL over the table of requests."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, func

from headstart.ledger.schema import requests
from headstart.ledger.totals import Totals
from headstart.usage import NOBODYS, PING

_row = requests.c


def _number(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(case((condition, 1), else_=0))


def _sum_if(condition: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.sum(case((condition, value)))


_ping = _row.plan == PING
_asked = _row.plan.not_in(NOBODYS)
_compared = and_(_row.read_error.is_not(None), _asked)

_SQL: dict[str, ColumnElement[Any]] = {
    "requests": _number(_asked),
    "failed": _number(and_(_row.status >= 400, _asked)),
    "estimated": _number(and_(_row.estimated, _asked)),
    "fresh": _sum_if(_asked, _row.fresh),
    "read": _sum_if(_asked, _row.read),
    "written": _sum_if(_asked, _row.written),
    "output": _sum_if(_asked, _row.output),
    "cost": func.sum(_row.cost),
    "unpriced": func.count() - func.count(_row.cost),
    "saved": func.sum(_row.cost_uncached - _row.cost),
    "uncached": func.sum(_row.cost_uncached),
    "automatic": func.sum(_row.cost_automatic),
    "saved_automatic": func.sum(_row.cost_automatic - _row.cost),
    "lost": _sum_if(_asked, _row.lost),
    "lost_cost": _sum_if(_asked, _row.lost_cost),
    "waited": func.sum(_row.waited),
    "predicted": _number(_compared),
    "predicted_read": _sum_if(_compared, _row.predicted_read),
    "predicted_input": _sum_if(_compared, _row.fresh + _row.read + _row.written),
    "read_error": _sum_if(_compared, _row.read_error),
    "write_error": _sum_if(_compared, _row.write_error),
    "cost_error": _sum_if(_compared, _row.cost_error),
    "cost_compared": _sum_if(and_(_row.cost_error.is_not(None), _asked), _row.cost),
    "pings": _number(_ping),
    "pings_cost": _sum_if(_ping, _row.cost),
    "first": func.min(_row.time),
    "last": func.max(_row.time),
}

SUMS = [_SQL[field.name].label(field.name) for field in fields(Totals)]
"""In the order of ``Totals``' fields."""


def sums_of(table: FromClause) -> list[ColumnElement[Any]]:
    """Sums over what was summed up before, under the same names."""
    first, last = func.min(table.c["first"]), func.max(table.c["last"])
    ends = {"first": first, "last": last}
    return [ends.get(s.name, func.sum(table.c[s.name])).label(s.name) for s in SUMS]
