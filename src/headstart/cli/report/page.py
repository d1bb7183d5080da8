"""A report as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from importlib import import_module
from typing import Any

from headstart.cli.report.words import headlines
from headstart.cli.words import clock, money, percent, tokens
from headstart.ledger import Report, Totals

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "td,th{text-align:left;padding:.1rem 1rem .1rem 0}"
)
_MOST_MARKED = 20
"""Prefix versions drawn into the picture: the latest ones."""


def render(report: Report) -> str:
    """A page with headlines, pictures and tables; plotly's JavaScript is in it.

    ModuleNotFoundError without plotly.
    """
    io: Any = import_module("plotly.io")
    pictures = [_over_time(report), _by_hour_of_day(report), _by_reason(report)]
    charts = [
        io.to_html(picture, include_plotlyjs=number == 0, full_html=False)
        for number, picture in enumerate(pictures)
    ]
    title = f"{clock(report.which.since)} to {clock(report.which.until)} UTC"
    facts = _rows([name, value] for name, value in headlines(report))
    tables = (
        _groups("model", report.models),
        _groups("tenant", report.tenants),
        _groups("route", report.routes),
        _groups("prefix version", report.prefixes),
    )
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><table>{facts}</table>"
        f"{''.join(charts)}{''.join(tables)}</body></html>"
    )


def _over_time(report: Report) -> Any:
    """Token hit rate and spend by hour; a line where a prefix version was seen first."""
    figure = _figure()
    times = [datetime.fromtimestamp(hour * 3600, UTC) for hour in report.hours]
    totals = list(report.hours.values())
    rates = [100 * t.hit_rate for t in totals]
    figure.add_bar(x=times, y=[t.cost for t in totals], name="spend, USD", yaxis="y2", opacity=0.3)
    figure.add_scatter(x=times, y=rates, name="token hit rate, %", mode="lines+markers")
    for prefix, seen in list(report.prefixes.items())[-_MOST_MARKED:]:
        at = datetime.fromtimestamp(seen.first, UTC)
        figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, yref="paper", line={"dash": "dot"})
        figure.add_annotation(
            x=at, y=1, yref="paper", text=escape(prefix[:8]), showarrow=False, textangle=-90
        )
    figure.update_layout(
        title="Over time; dotted: a prefix version's first request",
        yaxis={"title": "token hit rate, %", "range": [0, 100]},
        yaxis2={"title": "USD an hour", "overlaying": "y", "side": "right", "rangemode": "tozero"},
    )
    return figure


def _by_hour_of_day(report: Report) -> Any:
    figure = _figure()
    hours = list(report.hours_of_day)
    totals = list(report.hours_of_day.values())
    figure.add_bar(x=hours, y=[t.requests for t in totals], name="requests", opacity=0.3)
    figure.add_scatter(
        x=hours, y=[100 * t.hit_rate for t in totals], name="token hit rate, %", yaxis="y2"
    )
    figure.update_layout(
        title="By hour of day, UTC",
        yaxis={"title": "requests"},
        yaxis2={"title": "%", "overlaying": "y", "side": "right", "range": [0, 100]},
    )
    return figure


def _by_reason(report: Report) -> Any:
    figure = _figure()
    names = [f"{r.reason}{'' if r.confirmed else ' (inferred)'}" for r in report.reasons]
    figure.add_bar(y=names, x=[r.totals.lost_cost for r in report.reasons], orientation="h")
    figure.update_layout(title="What was not read, by reason", yaxis={"autorange": "reversed"})
    figure.update_xaxes(title="USD beyond the price of reading")
    return figure


def _figure() -> Any:
    graph: Any = import_module("plotly.graph_objects")
    return graph.Figure(layout={"template": "plotly_white", "hovermode": "closest"})


def _groups(title: str, groups: Mapping[str, Totals]) -> str:
    head = ("requests", "input", "hit rate", "created", "spend", "saved", "first seen, UTC")
    rows = (
        [
            name,
            f"{t.requests:,}",
            tokens(t.input),
            percent(t.hit_rate),
            percent(t.creation_rate),
            money(t.cost),
            money(t.saved),
            clock(t.first),
        ]
        for name, t in groups.items()
    )
    heads = "".join(f"<th>{name}</th>" for name in (title, *head))
    return f"<h2>By {title}</h2><table><tr>{heads}</tr>{_rows(rows)}</table>"


def _rows(rows: Iterable[list[str]]) -> str:
    return "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
