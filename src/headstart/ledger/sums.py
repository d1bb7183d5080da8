"""``Totals``, field by field, as SQL over the table of requests."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, case, func

from headstart.ledger.schema import requests
from headstart.ledger.totals import Totals

_row = requests.c


def _number(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(case((condition, 1), else_=0))


def _sum_if(condition: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.sum(case((condition, value)))


_compared = _row.read_error.is_not(None)

_SQL: dict[str, ColumnElement[Any]] = {
    "requests": func.count(),
    "failed": _number(_row.status >= 400),
    "estimated": _number(_row.estimated),
    "fresh": func.sum(_row.fresh),
    "read": func.sum(_row.read),
    "written": func.sum(_row.written),
    "output": func.sum(_row.output),
    "cost": func.sum(_row.cost),
    "unpriced": func.count() - func.count(_row.cost),
    "saved": func.sum(_row.cost_uncached - _row.cost),
    "uncached": func.sum(_row.cost_uncached),
    "automatic": func.sum(_row.cost_automatic),
    "saved_automatic": func.sum(_row.cost_automatic - _row.cost),
    "lost": func.sum(_row.lost),
    "lost_cost": func.sum(_row.lost_cost),
    "waited": func.sum(_row.waited),
    "predicted": func.count(_row.read_error),
    "predicted_read": _sum_if(_compared, _row.predicted_read),
    "predicted_input": _sum_if(_compared, _row.fresh + _row.read + _row.written),
    "read_error": func.sum(_row.read_error),
    "write_error": func.sum(_row.write_error),
    "cost_error": func.sum(_row.cost_error),
    "cost_compared": _sum_if(_row.cost_error.is_not(None), _row.cost),
    "first": func.min(_row.time),
    "last": func.max(_row.time),
}

SUMS = [_SQL[field.name].label(field.name) for field in fields(Totals)]
"""In the order of ``Totals``' fields."""
