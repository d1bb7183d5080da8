"""Records as rows, and rows as records."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, isfinite
from typing import Any

from headstart.usage import MissReason, RequestRecord, Usage

MOST_CHARACTERS = 256
"""Of a name. Clients choose model names; a longer one is cut."""
_MOST = 2**53
"""Tokens, seconds and USD beyond it are nonsense, and a database may refuse them."""
_BUCKETS = ("fresh", "read", "write_5m", "write_30m", "write_1h", "write_12h", "write_other")


def row_of(record: RequestRecord) -> dict[str, Any]:
    """Column values that every database takes, whatever a client or an upstream sent.

    Text loses NULs, lone surrogates and what is beyond its length; money and times that are
    no finite number become unknown. OverflowError, TypeError or ValueError for a record
    that is broken beyond that.
    """
    usage, predicted = record.usage, record.predicted
    time = _number(record.time)
    if time is None:
        raise ValueError("a record without a time")
    row: dict[str, Any] = {
        "id": _text(record.id),
        "time": time,
        "hour": floor(time / 3600),
        "tenant": _text(record.tenant),
        "route": _text(record.route),
        "provider": _text(record.provider),
        "model": _text(record.model),
        "prefix": _maybe(record.prefix),
        "output": _count(usage.output),
        "estimated": bool(record.estimated),
        "stream": bool(record.stream),
        "status": min(max(int(record.status), 0), 999),
        "cost": _number(record.cost),
        "cost_uncached": _number(record.cost_uncached),
        "cost_automatic": _number(record.cost_automatic),
        "predicted_cost": _number(record.predicted_cost),
        "plan": _text(record.plan),
        "reason": None if record.reason is None else record.reason.value,
        "confirmed": bool(record.confirmed),
        "lost": _count(record.lost),
        "lost_cost": _number(record.lost_cost),
        "ttft": _number(record.ttft),
        "latency": _number(record.latency),
        "waited": _number(record.waited) or 0.0,
        "against": _maybe(record.against),
    }
    if row["cost"] is None:
        row["cost_uncached"] = row["cost_automatic"] = None
    for name in _BUCKETS:
        row[name] = _count(getattr(usage, name))
        row[f"predicted_{name}"] = None if predicted is None else _count(getattr(predicted, name))
    row["written"] = _count(usage.written)
    row.update(_errors(record))
    return row


def details_of(record: RequestRecord) -> dict[str, Any] | None:
    """The row of the request's details; None if it has none."""
    if record.outline is None and record.prompt is None:
        return None
    return {
        "id": _text(record.id),
        "time": record.time,
        "outline": None if record.outline is None else bytes(memoryview(record.outline)),
        "prompt": None if record.prompt is None else _clean(record.prompt),
    }


def record_of(row: Mapping[str, Any], details: Mapping[str, Any] | None = None) -> RequestRecord:
    """The record that a row was made from."""
    predicted = None
    if row["predicted_read"] is not None:
        predicted = Usage(**{name: row[f"predicted_{name}"] for name in _BUCKETS})
    return RequestRecord(
        usage=Usage(output=row["output"], **{name: row[name] for name in _BUCKETS}),
        predicted=predicted,
        reason=None if row["reason"] is None else MissReason(row["reason"]),
        outline=details["outline"] if details else None,
        prompt=details["prompt"] if details else None,
        **{name: row[name] for name in _SAME},
    )


def _errors(record: RequestRecord) -> dict[str, Any]:
    """How far off the prediction was; unknown where there is nothing to hold it against."""
    predicted, usage = record.predicted, record.usage
    if predicted is None or record.estimated or record.status >= 400:
        return {"read_error": None, "write_error": None, "cost_error": None}
    cost = None
    if record.cost is not None and record.predicted_cost is not None:
        cost = _number(abs(record.cost - record.predicted_cost))
    return {
        "read_error": _count(abs(usage.read - predicted.read)),
        "write_error": _count(abs(usage.written - predicted.written)),
        "cost_error": cost,
    }


_SAME = (
    *("id", "time", "tenant", "route", "provider", "model", "status", "prefix", "estimated"),
    *("stream", "cost", "cost_uncached", "cost_automatic", "predicted_cost", "plan", "confirmed"),
    *("lost", "lost_cost", "ttft", "latency", "waited", "against"),
)


def _text(value: str) -> str:
    if len(value) <= MOST_CHARACTERS and value.isascii() and "\0" not in value:
        return value
    return _clean(value[: 2 * MOST_CHARACTERS])[:MOST_CHARACTERS]


def _maybe(value: str | None) -> str | None:
    return None if value is None else _text(value)


def _clean(value: str) -> str:
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _count(value: int) -> int:
    if type(value) is int and 0 <= value <= _MOST:
        return value
    return min(max(int(value), 0), _MOST)


def _number(value: float | None) -> float | None:
    if value is None or (type(value) is float and -_MOST <= value <= _MOST):
        return value
    value = float(value)
    return value if isfinite(value) and abs(value) <= _MOST else None
