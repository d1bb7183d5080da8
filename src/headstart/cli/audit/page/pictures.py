"""The page's other pictures, as figures for plotly's script."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf
from typing import Any, Final

from headstart.audit.findings import Audit, Curve, Tally
from headstart.cli.audit.page.text import safe
from headstart.cli.audit.plain import Sums, span
from headstart.cli.words import money, percent, tokens

_ACCENT: Final = "#00798c"
_KINDS: Final = {
    "now": "#d98e04",
    "never": "#9a958e",
    "fixes": "#1b8a5a",
    "layout": "#1b8a5a",
    "planner": "#00798c",
    "automatic": "#5b8fb0",
    "model": "#8d7fae",
}
_ENDLESS: Final = 604_800.0
"""Where "for ever" is drawn, in seconds."""
_GIB: Final = 2**30


def what_if(audit: Audit) -> dict[str, Any] | None:
    """Cost of each way, the cheapest first; None where nothing has a price."""
    sums = Sums(audit)
    priced = [(o, cost) for o in audit.options if (cost := sums.cost(o)) is not None]
    if not priced:
        return None
    priced.sort(key=lambda pair: pair[1])
    data = {
        "type": "bar",
        "orientation": "h",
        "y": [safe(option.name) for option, _ in priced],
        "x": [cost for _, cost in priced],
        "text": [f"{money(cost)}, {option.hit_rate:.0%} read" for option, cost in priced],
        "textposition": "outside",
        "cliponaxis": False,
        "customdata": [safe(option.note) for option, _ in priced],
        "hovertemplate": "<b>%{y}</b>: %{text}<br>%{customdata}<extra></extra>",
        "marker": {"color": [_KINDS.get(option.kind, _ACCENT) for option, _ in priced]},
    }
    most = max(cost for _, cost in priced)
    layout = {
        "height": 90 + 32 * len(priced),
        "margin": {"l": 10, "r": 20, "t": 10, "b": 45},
        "xaxis": {
            "title": {"text": f"USD {sums.unit}"},
            "range": [0, most * 1.28 or 1],
            "tickprefix": "$",
        },
        "yaxis": {"autorange": "reversed", "showgrid": False, "type": "category"},
        "bargap": 0.35,
    }
    return {"data": [data], "layout": layout}


def over(tallies: Sequence[Tally], title: str) -> dict[str, Any] | None:
    """Requests as bars, the hit rate as a line; None for a single point."""
    if len(tallies) < 2:
        return None
    names = [safe(tally.name) for tally in tallies]
    rates = [100 * tally.hit_rate for tally in tallies]
    data = [
        {
            "type": "bar",
            "x": names,
            "y": [tally.requests for tally in tallies],
            "name": "requests",
            "yaxis": "y2",
            "marker": {"color": "rgba(127,127,127,.28)"},
        },
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": names,
            "y": rates,
            "cliponaxis": False,
            "name": "token hit rate",
            "line": {"color": _ACCENT, "width": 2.5},
            "hovertemplate": "%{y:.1f}%<extra>hit rate</extra>",
        },
    ]
    layout = {
        "height": 300,
        "margin": {"l": 50, "r": 50, "t": 40, "b": 40},
        "title": {"text": title, "x": 0.02, "font": {"size": 15}},
        "showlegend": False,
        "xaxis": {"type": "category", "showgrid": False},
        "yaxis": {
            "title": {"text": "hit rate"},
            "range": [0, 104],
            "dtick": 25,
            "tick0": 0,
            "tickmode": "linear",
            "ticksuffix": "%",
            "overlaying": "y2",
        },
        "yaxis2": {
            "title": {"text": "requests"},
            "side": "right",
            "showgrid": False,
            "rangemode": "tozero",
        },
    }
    return {"data": data, "layout": layout}


def curve(found: Curve) -> dict[str, Any]:
    """Hit rate over a lifetime, or over memory."""
    rates = [100 * rate for rate in found.hit_rate]
    long = found.name == "ttl"
    if long:
        x = [_ENDLESS if isinf(value) else value for value in found.x]
        names = ["for ever" if isinf(value) else span(value) for value in found.x]
        axis: dict[str, Any] = {"title": {"text": "kept after the last use"}, "type": "log"}
        axis |= {"tickvals": x, "ticktext": names, "tickangle": -45}
    else:
        sized = bool(found.bytes) and max(found.bytes) > 0
        x = [size / _GIB for size in found.bytes] if sized else list(found.x)
        names = [f"{tokens(int(value))} tokens" for value in found.x]
        text = "memory for KV, GiB" if sized else "tokens held"
        axis = {"title": {"text": text}, "type": "log"}
    data = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": x,
        "y": rates,
        "text": names,
        "hovertemplate": "%{text}: %{y:.1f}%<extra></extra>",
        "line": {"color": _ACCENT, "width": 2.5, "shape": "linear"},
        "marker": {"size": 5},
        "fill": "tozeroy",
        "fillcolor": "rgba(0,121,140,.10)",
    }
    layout = {
        "height": 320,
        "margin": {"l": 55, "r": 15, "t": 40, "b": 60},
        "title": {
            "text": "Over its lifetime" if long else "Over memory, on your own servers",
            "x": 0.02,
            "font": {"size": 15},
        },
        "xaxis": axis,
        "yaxis": {"title": {"text": "hit rate"}, "ticksuffix": "%", "range": [0, 102]},
    }
    return {"data": [data], "layout": layout}


def summary(found: Curve) -> str:
    """What a curve says, in words: for those who can't see it."""
    return f"hit rate from {percent(found.hit_rate[0])} to {percent(found.hit_rate[-1])}"
