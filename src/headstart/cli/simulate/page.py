"""The outcome of a simulation as one HTML file that needs nothing else."""

from __future__ import annotations

from html import escape
from importlib import import_module
from itertools import groupby
from typing import Any

from headstart.cli.simulate.limits import spoken
from headstart.cli.simulate.outcome import Outcome

_STYLE = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"


def render(outcome: Outcome) -> str:
    """A page with both curves and the table; plotly's JavaScript is in it.

    ModuleNotFoundError without plotly.
    """
    io: Any = import_module("plotly.io")
    workload = outcome.workload
    title = f"Token hit rate: {escape(workload.name)}"
    charts = [
        io.to_html(chart, include_plotlyjs=first, full_html=False)
        for chart, first in ((_by_capacity(outcome), True), (_by_ttl(outcome), False))
    ]
    facts = (
        f"{len(workload.calls):,} calls, {workload.tokens:,} prompt tokens, "
        f"{workload.footprint:,} distinct blocks of {workload.block_tokens} tokens."
    )
    left_out = "".join(f"<li>{escape(problem)}</li>" for problem in outcome.problems)
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>{facts}</p>"
        f"{''.join(charts)}{_table(outcome)}"
        + (f"<h2>Left out</h2><ul>{left_out}</ul>" if left_out else "")
        + "</body></html>"
    )


def _by_capacity(outcome: Outcome) -> Any:
    graph: Any = import_module("plotly.graph_objects")
    figure = graph.Figure()
    for line in outcome.by_capacity:
        name = f"LRU, lifetime {spoken(line.fixed)}"
        percent = [100 * rate for rate in line.rates]
        figure.add_scatter(x=line.along, y=percent, name=name, mode="lines")
    for policy, points in groupby(sorted(outcome.points), key=lambda point: point.policy):
        group = list(points)
        figure.add_scatter(
            x=[point.capacity for point in group],
            y=[100 * point.rate for point in group],
            name="bound (MIN)" if policy == "min" else f"{policy}, replayed",
            mode="markers",
            marker={"size": 9},
        )
    return _labelled(figure, "Every capacity", "blocks held")


def _by_ttl(outcome: Outcome) -> Any:
    graph: Any = import_module("plotly.graph_objects")
    figure = graph.Figure()
    for line in outcome.by_ttl:
        percent = [100 * rate for rate in line.rates]
        name = f"LRU, {line.fixed:,.0f} blocks"
        figure.add_scatter(x=line.along, y=percent, name=name, mode="lines", line_shape="hv")
    return _labelled(figure, "Every lifetime", "seconds since the last use")


def _labelled(figure: Any, title: str, along: str) -> Any:
    figure.update_layout(title=title, hovermode="x unified", template="plotly_white")
    figure.update_xaxes(title=along, type="log")
    figure.update_yaxes(title="token hit rate, %", rangemode="tozero")
    return figure


def _table(outcome: Outcome) -> str:
    rows = "".join(
        f"<tr><td>{escape(point.policy)}</td><td>{point.capacity:,}</td>"
        f"<td>{point.share:.2%}</td><td>{point.rate:.2%}</td></tr>"
        for point in outcome.points
    )
    head = "<tr><th>policy</th><th>blocks</th><th>of footprint</th><th>token hit rate</th></tr>"
    return f"<table>{head}{rows}</table>"
