"""The prefix tree as a picture: widths are tokens, heights are requests, colours stability."""

from __future__ import annotations

from typing import Any, Final

from headstart.audit.findings import Branch, Family
from headstart.cli.audit.page.text import safe
from headstart.cli.words import percent

SHOWN: Final = 20
"""Families that can be chosen."""
_HEIGHT: Final = 420
_LOW: Final = 0.05
"""Of all requests drawn: a bar below that has no room for text."""
_SIGNS: Final = 105
"""Characters from one end of the picture to the other."""
_FEW: Final = 9
COLOURS: Final = ((0.0, "#c8434f"), (0.5, "#e9b44c"), (1.0, "#1b8a8f"))


def trees(families: tuple[Family, ...]) -> list[dict[str, Any]]:
    """A picture of each."""
    return [_tree(family) for family in families[:SHOWN]]


def places(family: Family) -> list[tuple[float, float]]:
    """Where each branch begins: tokens before it, and requests above it."""
    found: list[tuple[float, float]] = []
    taken: dict[int, float] = {}
    for branch in family.tree:
        if branch.parent < 0:
            x, y = 0.0, taken.get(-1, 0.0)
        else:
            left, top = found[branch.parent]
            x = left + family.tree[branch.parent].tokens
            y = taken.get(branch.parent, top)
        found.append((x, y))
        taken[branch.parent] = y + branch.requests
    return found


def _tree(family: Family) -> dict[str, Any]:
    """Bars with a place of their own each; what is not in the tree stays empty."""
    where = places(family)
    branches = family.tree
    drawn = sum(branch.requests for branch in branches if branch.parent < 0)
    widest = max(x + branch.tokens for (x, _), branch in zip(where, branches, strict=True))
    data: dict[str, Any] = {
        "type": "bar",
        "orientation": "h",
        "base": [x for x, _ in where],
        "x": [branch.tokens for branch in branches],
        "y": [y + branch.requests / 2 for (_, y), branch in zip(where, branches, strict=True)],
        "width": [branch.requests for branch in branches],
        "text": [_short(branch, drawn, widest) for branch in branches],
        "textposition": "inside",
        "insidetextanchor": "start",
        "textangle": 0,
        "constraintext": "none",
        "cliponaxis": True,
        "insidetextfont": {"color": "#ffffff", "size": 12},
        "customdata": [_told(branch, family) for branch in branches],
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": {
            "color": [branch.stability for branch in branches],
            "colorscale": [list(pair) for pair in COLOURS],
            "cmin": 0,
            "cmax": 1,
            "line": {"width": 1, "color": "rgba(127,127,127,.35)"},
            "colorbar": {
                "title": {"text": "stability", "side": "right"},
                "thickness": 12,
                "tickformat": ".0%",
                "outlinewidth": 0,
            },
        },
    }
    layout = {
        "height": _HEIGHT,
        "margin": {"l": 60, "r": 10, "t": 26, "b": 50},
        "bargap": 0,
        "barmode": "overlay",
        "uniformtext": {"minsize": 11, "mode": "hide"},
        "xaxis": {
            "title": {"text": "tokens from the beginning of the prompt"},
            "rangemode": "tozero",
        },
        "shapes": [_stable(family)],
        "annotations": [_said(family)],
        "yaxis": {
            "title": {"text": _requests(family, drawn)},
            "range": [drawn, 0],
            "showgrid": False,
        },
    }
    return {"data": [data], "layout": layout}


def _stable(family: Family) -> dict[str, Any]:
    """A line where what (nearly) all requests have ends."""
    return {
        "type": "line",
        "x0": family.stable,
        "x1": family.stable,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"dash": "dot", "width": 2, "color": "#2a9fae"},
    }


def _said(family: Family) -> dict[str, Any]:
    return {
        "x": family.stable,
        "y": 1.0,
        "yref": "paper",
        "yanchor": "bottom",
        "xanchor": "left",
        "showarrow": False,
        "text": f"{family.stable:,} tokens are the same in nearly all",
        "font": {"size": 12},
    }


def _requests(family: Family, drawn: int) -> str:
    if drawn >= family.requests:
        return "requests"
    return f"requests (the first {drawn:,} of {family.requests:,})"


def _short(branch: Branch, drawn: int, widest: float) -> str:
    """As much of its text as there is room for."""
    if branch.requests < _LOW * drawn:
        return ""
    signs = int(branch.tokens / max(1.0, widest) * _SIGNS)
    where, _, text = branch.label.partition(": ")
    return safe((text or where)[:signs]) if signs >= _FEW else ""


def _told(branch: Branch, family: Family) -> str:
    share = percent(branch.requests / max(1, family.requests))
    return (
        f"<b>{safe(branch.label)}</b><br>{branch.tokens:,} tokens<br>"
        f"{branch.requests:,} requests ({share} of the family)<br>"
        f"stability {percent(branch.stability)}"
    )
