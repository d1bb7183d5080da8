"""A report in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.bar import Bar
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headstart.cli.report.words import headlines
from headstart.cli.words import clock, money, percent, tokens, visible
from headstart.ledger import Report, Totals

LISTED = 10
"""Rows of a table; JSON and the page have more."""


def show(console: Console, report: Report) -> None:
    """Headlines, then a table for each way to split them."""
    which = report.which
    console.print(f"[bold]{clock(which.since)} to {clock(which.until)}[/] UTC")
    if not report.total.requests:
        console.print("no requests" + (f", {headlines(report)[-1][1]}" if report.dropped else ""))
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in headlines(report):
        grid.add_row(name, value)
    console.print(grid)
    if report.reasons:
        _print(console, _reasons(report))
    for title, groups in (
        ("model", report.models),
        ("tenant", report.tenants),
        ("route", report.routes),
    ):
        _print(console, _groups(title, groups))
    if report.prefixes:
        _print(console, _prefixes(report))
    _print(console, _hours(report))


def _print(console: Console, table: Table) -> None:
    console.print()
    console.print(table)


def _table(title: str, *names: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number else "left", no_wrap=number > 0)
    return table


def _reasons(report: Report) -> Table:
    table = _table(
        "Top reasons by money", "reason", "known by", "requests", "tokens not read", "cost"
    )
    for found in report.reasons[:LISTED]:
        totals = found.totals
        known = "the provider" if found.confirmed else "inference"
        cost = money(totals.lost_cost)
        table.add_row(found.reason, known, f"{totals.requests:,}", tokens(totals.lost), cost)
    return table


def _groups(title: str, groups: Mapping[str, Totals]) -> Table:
    table = _table(f"By {title}", title, *_NAMES)
    for name, totals in list(groups.items())[:LISTED]:
        table.add_row(escape(visible(name)[:60]), *_cells(totals))
    return table


def _prefixes(report: Report) -> Table:
    table = _table("By prefix version, the latest last", "prefix", "first seen, UTC", *_NAMES)
    for name, totals in list(report.prefixes.items())[-LISTED:]:
        table.add_row(escape(visible(name)[:60]), clock(totals.first), *_cells(totals))
    return table


def _hours(report: Report) -> Table:
    table = _table("By hour of day, UTC", "hour", "requests", "hit rate", "")
    most = max(totals.requests for totals in report.hours_of_day.values())
    table.columns[-1].width = 40
    for hour, totals in report.hours_of_day.items():
        bar: Any = Bar(most, 0, totals.requests, color="green")
        table.add_row(f"{hour:02}", f"{totals.requests:,}", percent(totals.hit_rate), bar)
    return table


_NAMES = ("requests", "input", "hit rate", "created", "spend", "saved", "error")


def _cells(totals: Totals) -> list[str]:
    return [
        f"{totals.requests:,}",
        tokens(totals.input),
        percent(totals.hit_rate),
        percent(totals.creation_rate),
        money(totals.cost),
        percent(totals.saving) if totals.uncached else "-",
        percent(totals.read_error_share),
    ]
