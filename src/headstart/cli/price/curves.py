"""A workload's saving along one of its numbers, as bars in a terminal."""

from __future__ import annotations

from rich.bar import Bar
from rich.table import Table

from headstart.cli.price.tables import usd
from headstart.pricing import Roi, Varied

POINTS = 13
_SPREAD = 64.0
"""From a ``_SPREAD``-th of the workload's own number to that many times it."""

Curve = tuple[tuple[float, tuple[Roi, ...]], ...]


def values_around(value: float, varied: Varied) -> list[float]:
    """Where to look: evenly on a logarithmic scale, the workload's own number in the middle."""
    centre = max(1.0, value)
    half = POINTS // 2
    steps = (centre * _SPREAD ** ((i - half) / half) for i in range(POINTS))
    if varied == "busy_hours":
        return [24.0 * (i + 1) / POINTS for i in range(POINTS)]
    if varied == "calls_per_day":
        return list(steps)
    return list(dict.fromkeys(max(1.0, float(round(step))) for step in steps))


def bars(curve: Curve, varied: Varied) -> Table:
    """One line a value: share of the uncached cost that the best lifetime saves."""
    table = Table.grid(padding=(0, 1))
    for justify, width in (("right", None), ("left", None), ("left", 40), ("right", None)):
        # mypy widens a literal in a tuple to str.
        table.add_column(justify=justify, width=width)  # type: ignore[arg-type]
    table.add_column(justify="right")
    table.add_row(varied.replace("_", " "), "best", "saved", "", "USD a day")
    for value, (best, *_) in curve:
        table.add_row(
            f"{value:,.0f}" if value >= 10 else f"{value:,.2f}",
            best.lifetime or "none",
            Bar(1.0, 0.0, max(0.0, best.saved_share), color="green"),
            f"{best.saved_share:.1%}",
            usd(best.cost),
        )
    return table
