"""The outcome of a simulation in a terminal."""

from __future__ import annotations

from itertools import groupby

from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from headstart.cli.simulate.limits import spoken
from headstart.cli.simulate.outcome import Line, Outcome

BARS = 14


def show(console: Console, outcome: Outcome) -> None:
    """Bars of the exact LRU curve, then a table of the policies."""
    workload = outcome.workload
    console.print(
        f"[bold]{workload.name}[/]: {len(workload.calls):,} calls, {workload.tokens:,} prompt "
        f"tokens, {workload.footprint:,} distinct blocks of {workload.block_tokens} tokens"
    )
    for line in outcome.by_capacity:
        console.print()
        console.print(f"LRU at every capacity, lifetime {spoken(line.fixed)}: token hit rate")
        console.print(_bars(line, workload.footprint))
    console.print()
    console.print(_table(outcome))


def _bars(line: Line, footprint: int) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_column(width=50)
    table.add_column(justify="right")
    last = len(line.along) - 1
    for index in sorted({round(step * last / (BARS - 1)) for step in range(BARS)}):
        capacity, rate = line.along[index], line.rates[index]
        table.add_row(
            f"{capacity:,.0f}",
            f"{capacity / max(1, footprint):.2%}",
            Bar(1.0, 0.0, rate, color="green"),
            f"{rate:.1%}",
        )
    return table


def _table(outcome: Outcome) -> Table:
    names = list(dict.fromkeys(point.policy for point in outcome.points))
    table = Table("capacity", "of footprint", title="Token hit rate, %", title_justify="left")
    for name in names:
        table.add_column({"min": "bound (MIN)"}.get(name, name), justify="right")
    for capacity, points in groupby(outcome.points, key=lambda point: point.capacity):
        row = {point.policy: point for point in points}
        share = next(iter(row.values())).share
        rates = [f"{100 * row[name].rate:.2f}" for name in names]
        table.add_row(f"{capacity:,}", f"{share:.2%}", *rates)
    return table
