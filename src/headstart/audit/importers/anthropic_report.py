"""Anthropic's usage report: sums by time, model and workspace, to hold requests against.

There are no requests in it, so it gives no records. ``reconciled`` compares its sums with those
of records over the same time: what the report has more was sent past the logs, and what it has
less is on another account, or counted wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.values import (
    Row,
    any_of,
    count_of,
    decoded,
    instant_of,
    member,
    name_of,
)
from headstart.audit.record import Place, Record
from headstart.usage import Usage

_NOTE: Final = "a usage report: sums without requests, for comparison only"


class Sum(NamedTuple):
    """One row of a report."""

    start: float
    end: float
    """Unix seconds."""
    model: str
    usage: Usage


class Compared(NamedTuple):
    """One model's tokens by the report and by the records of the same time."""

    model: str
    reported: Usage
    recorded: Usage


class UsageReport(Importer):
    """``{"data": [{"starting_at", "ending_at", "results": [...]}]}``."""

    name = "anthropic-usage-report"
    about = "Anthropic's usage report, for comparison"

    def __init__(self) -> None:
        self.sums: list[Sum] = []

    @classmethod
    def takes(cls, row: Row) -> bool:
        if "results" in row:
            return "starting_at" in row
        return "data" in row and b'"starting_at"' in bytes(memoryview(row["data"])[:4096])

    @property
    def notes(self) -> tuple[str, ...]:
        return (_NOTE,) if self.sums else ()

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        buckets = decoded(row.get("data")) if "data" in row else [_plain(row)]
        if not isinstance(buckets, list):
            raise Unreadable("its data is no list")
        for bucket in buckets:
            start, end = (instant_of(member(bucket, n)) for n in ("starting_at", "ending_at"))
            results = member(bucket, "results")
            if start is None or end is None or not isinstance(results, list):
                raise Unreadable("a part of it has no time or no results")
            for result in results:
                model = name_of(any_of(result, "model")) or ""
                self.sums.append(Sum(start, end, model, _usage(result)))
        return iter(())


def reconciled(sums: Iterable[Sum], records: Iterable[Record]) -> list[Compared]:
    """By model, over the time that the report covers; records without usage, a time or
    another provider's do not count."""
    reported: defaultdict[str, Usage] = defaultdict(Usage)
    recorded: defaultdict[str, Usage] = defaultdict(Usage)
    start, end = float("inf"), float("-inf")
    for part in sums:
        reported[part.model] += part.usage
        start, end = min(start, part.start), max(end, part.end)
    whole = set(reported) == {""}
    for record in records:
        if record.usage is None or record.time is None or not start <= record.time < end:
            continue
        if record.provider in (None, "anthropic"):
            recorded["" if whole else record.model] += record.usage
    models = sorted({*reported, *recorded})
    return [Compared(model, reported[model], recorded[model]) for model in models]


def _plain(row: Row) -> dict[str, Any]:
    return {name: decoded(raw) for name, raw in row.items()}


def _usage(result: Any) -> Usage:
    written = any_of(result, "cache_creation")
    counts = {
        "fresh": any_of(result, "uncached_input_tokens"),
        "read": any_of(result, "cache_read_input_tokens"),
        "write_5m": any_of(written, "ephemeral_5m_input_tokens"),
        "write_1h": any_of(written, "ephemeral_1h_input_tokens"),
        "output": any_of(result, "output_tokens"),
    }
    return Usage(**{name: count_of(value) or 0 for name, value in counts.items()})
