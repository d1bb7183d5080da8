"""Many explained requests as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_MOST_REMEDIES = 5


def show_series(rows: Sequence[Mapping[str, Any]], totals: Mapping[str, Mapping[str, Any]]) -> None:
    """A table for each provider, with sums; what to change, the dearest first; and where the
    request that lost most parts from the one before it."""
    console = Console(highlight=False)
    for provider, total in totals.items():
        own = [row for row in rows if row["provider"] == provider]
        console.print(_table(provider, own, total))
        for text, lost, wasted in _remedies(own)[:_MOST_REMEDIES]:
            console.print(f"{lost:,} tokens{_usd(wasted, ', $')}: {escape(text)}")
        dearest = max(own, key=lambda row: row["lost"])
        if dearest["lost"] and dearest["diff"]:
            console.print(f"\n{escape(dearest['id'])}, against {escape(dearest['against'])}:")
            console.print(escape(dearest["diff"]), no_wrap=True, crop=False, overflow="ignore")


def _table(provider: str, rows: Sequence[Mapping[str, Any]], total: Mapping[str, Any]) -> Table:
    table = Table(
        title=provider,
        title_justify="left",
        show_footer=True,
        box=SIMPLE,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("request", "all", overflow="fold")
    table.add_column("against", overflow="fold")
    table.add_column("read", f"{total['hit_rate']:.1%}", justify="right", no_wrap=True)
    table.add_column("of", f"{total['input']:,}", justify="right", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    table.add_column("at", no_wrap=True)
    table.add_column("lost", f"{total['lost']:,}", justify="right", no_wrap=True)
    table.add_column("USD", _usd(total["wasted"]) or "–", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            escape(row["id"]),
            escape(row["against"] or ""),
            f"{row['usage']['read']:,}",
            f"{sum(row['usage'].values()):,}",
            row["reason"] or "",
            _place(row["divergence"]),
            f"{row['lost']:,}" if row["lost"] else "",
            _usd(row["wasted"]) if row["lost"] else "",
        )
    return table


def _place(divergence: Mapping[str, Any] | None) -> str:
    if divergence is None:
        return ""
    kind = divergence["volatile"]
    return f"{divergence['segment']} {kind or ''}"


def _usd(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{sign}{value:.3g}"


def _remedies(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, float | None]]:
    """Each remedy once, with the tokens and USD of the requests it is for."""
    found: dict[str, tuple[int, float | None]] = {}
    for row in rows:
        if row["lost"]:
            lost, wasted = found.get(row["remedy"], (0, 0.0))
            known = wasted is not None and row["wasted"] is not None
            more = wasted + row["wasted"] if known else None
            found[row["remedy"]] = lost + row["lost"], more
    ranked = sorted(found.items(), key=lambda item: -item[1][0])
    return [(text, lost, wasted) for text, (lost, wasted) in ranked]
