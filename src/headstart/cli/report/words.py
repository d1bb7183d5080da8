"""A report's headlines in words; the same in a terminal and on a page."""

from __future__ import annotations

from headstart.cli.words import NONE, money, percent, seconds, tokens
from headstart.ledger import Percentiles, Report, Totals


def headlines(report: Report) -> list[tuple[str, str]]:
    """Name and value of what matters first."""
    total = report.total
    lines = [
        ("requests", f"{total.requests:,}{_apart(total)}"),
        ("token hit rate", f"{percent(total.hit_rate)} of {tokens(total.input)} input tokens"),
        ("creation rate", percent(total.creation_rate)),
        ("spend", f"{money(total.cost)}{_unpriced(total)}"),
        ("saved against no caching", f"{money(total.saved)} ({percent(total.saving)})"),
        ("saved against automatic caching", _automatic(total)),
        ("theoretical saving", _theoretical(total)),
        ("prediction error", _error(total)),
    ]
    for name, hit in (("hits", True), ("misses", False)):
        lines.append((f"TTFT of {name}", _ttft(report.ttft[hit])))
    if total.pings:
        pings = f"{total.pings:,}, {money(total.pings_cost)} of the spend"
        lines.append(("keep-alive pings", pings))
    if total.waited:
        lines.append(("waited for a leader", f"{total.waited:,.1f} s in all"))
    if report.dropped:
        lost = report.dropped
        lines.append(
            ("without a row", f"{lost.requests:,} requests of all tenants, {money(lost.cost)}")
        )
    return lines


def _apart(total: Totals) -> str:
    parts = [
        f"{count:,} {name}"
        for name, count in (("failed", total.failed), ("with estimated usage", total.estimated))
        if count
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _unpriced(total: Totals) -> str:
    return f", {total.unpriced:,} requests without a price" if total.unpriced else ""


def _automatic(total: Totals) -> str:
    if total.saving_automatic is None:
        return "not known"
    return f"{money(total.saved_automatic)} ({percent(total.saving_automatic)})"


def _theoretical(total: Totals) -> str:
    if total.theoretical <= 0:
        return money(total.theoretical)
    reached = percent(total.saved / total.theoretical)
    return f"{money(total.theoretical)}, {reached} of it reached"


def _error(total: Totals) -> str:
    if total.read_error_share is None:
        return "nothing to compare"
    return (
        f"tokens read {percent(total.read_error_share)} of the input, "
        f"cost {percent(total.cost_error_share)}"
    )


def _ttft(found: Percentiles) -> str:
    if not found.requests:
        return NONE
    spoken = ", ".join(
        f"{name} {seconds(value)}"
        for name, value in (("p50", found.p50), ("p90", found.p90), ("p99", found.p99))
    )
    return f"{spoken} ({found.requests:,} requests)"
