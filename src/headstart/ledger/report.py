"""What a ledger says of a span of time: one report, for terminals, programs and pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import inf
from typing import Any, TypeVar

from headstart.ledger.drops import Drops
from headstart.ledger.reader import Percentiles, Reader, Which
from headstart.ledger.totals import Totals

MOST = 50
"""Tenants and prefix versions listed, those with the most input tokens."""

Key = TypeVar("Key")


@dataclass(frozen=True)
class Reason:
    """Why tokens were not read, and what that cost."""

    reason: str
    confirmed: bool
    """The provider said so."""
    totals: Totals


@dataclass(frozen=True)
class Report:
    """Sums over ``which``. Groups are in the order in which they are shown."""

    which: Which
    total: Totals
    dropped: Drops
    """Requests without a row, of all tenants and models; not part of ``total``."""
    ttft: dict[bool, Percentiles]
    """Of hits (True) and misses."""
    hours: dict[int, Totals]
    """By whole hours since 1970, oldest first."""
    hours_of_day: dict[int, Totals]
    """0 to 23, UTC."""
    routes: dict[str, Totals]
    models: dict[str, Totals]
    tenants: dict[str, Totals]
    prefixes: dict[str, Totals]
    """By prefix version, the first seen first."""
    reasons: list[Reason]
    """The dearest first."""

    def as_json(self) -> dict[str, Any]:
        """Plain values: numbers, strings, lists and null."""
        which = self.which
        return {
            "since": _time(which.since),
            "until": _time(which.until),
            "tenant": which.tenant,
            "route": which.route,
            "model": which.model,
            "total": _plain(self.total),
            "without_row": {
                name: _time(value) if name in ("time", "until") else value
                for name, value in asdict(self.dropped).items()
            },
            "ttft_seconds": {
                "hits": self.ttft[True]._asdict(),
                "misses": self.ttft[False]._asdict(),
            },
            "by_hour": [{"time": hour * 3600, **_plain(t)} for hour, t in self.hours.items()],
            "by_hour_of_day": _listed("hour_utc", self.hours_of_day),
            "by_route": _listed("route", self.routes),
            "by_model": _listed("model", self.models),
            "by_tenant": _listed("tenant", self.tenants),
            "by_prefix": _listed("prefix", self.prefixes),
            "by_reason": [
                {"reason": r.reason, "confirmed": r.confirmed, **_plain(r.totals)}
                for r in self.reasons
            ],
        }


def report_of(reader: Reader, which: Which) -> Report:
    """Ask a ledger; LedgerError."""
    cells = reader.by_hour_route_model(which)
    hours = folded(cells, lambda key: key[0])
    prefixes = reader.by("prefix", which, MOST)
    prefixes.pop(None, None)
    return Report(
        which=which,
        total=sum(hours.values(), Totals()),
        dropped=reader.dropped(which),
        ttft=reader.ttft(which),
        hours=dict(sorted(hours.items())),
        hours_of_day=dict(sorted(folded(hours, lambda hour: hour % 24).items())),
        routes=_dearest(folded(cells, lambda key: key[1])),
        models=_dearest(folded(cells, lambda key: key[2])),
        tenants=_dearest(reader.by("tenant", which, MOST)),
        prefixes=dict(sorted(prefixes.items(), key=lambda item: item[1].first)),
        reasons=[Reason(*found) for found in reader.reasons(which)],
    )


def folded(cells: dict[Any, Totals], key: Callable[[Any], Key]) -> dict[Key, Totals]:
    """Sums by ``key`` of what the sums in ``cells`` are by."""
    found: dict[Key, Totals] = {}
    for cell, totals in cells.items():
        name = key(cell)
        found[name] = found[name] + totals if name in found else totals
    return found


def _dearest(groups: dict[str, Totals]) -> dict[str, Totals]:
    return dict(sorted(groups.items(), key=lambda item: (-item[1].cost, -item[1].input, item[0])))


_RATES = (
    *("input", "hit_rate", "creation_rate", "saving", "saving_automatic", "theoretical"),
    *("read_error_share", "cost_error_share"),
)


def _plain(totals: Totals) -> dict[str, Any]:
    values = asdict(totals) | {name: getattr(totals, name) for name in _RATES}
    values["first"], values["last"] = _time(totals.first), _time(totals.last)
    return values


def _listed(name: str, groups: dict[Any, Totals]) -> list[dict[str, Any]]:
    return [{name: key, **_plain(totals)} for key, totals in groups.items()]


def _time(seconds: float) -> float | None:
    return seconds if -inf < seconds < inf else None
