"""Text of strangers in a page, and what sections are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from headstart.cli.words import visible


def safe(text: str) -> str:
    """Shown as it is and never obeyed: not by HTML, not by a picture's labels; nothing in it
    reorders a line."""
    return escape(visible(text))


def section(title: str, about: str, *parts: str) -> str:
    """One part of the page; "" if there is nothing in it. ``parts`` are HTML."""
    inside = "".join(parts)
    if not inside:
        return ""
    said = f"<p class='about'>{safe(about)}</p>" if about else ""
    return f"<section><h2>{safe(title)}</h2>{said}{inside}</section>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], texts: Sequence[int] = ()) -> str:
    """Cells are text; the first column and ``texts`` stand to the left."""

    def cell(tag: str, number: int, text: str) -> str:
        kind = " class='text'" if number in texts else ""
        return f"<{tag}{kind}>{safe(text)}</{tag}>"

    body = "".join(
        f"<tr>{''.join(cell('td', number, text) for number, text in enumerate(row))}</tr>"
        for row in rows
    )
    if not body:
        return ""
    head = "".join(cell("th", number, text) for number, text in enumerate(heads))
    return f"<div class='table'><table><tr>{head}</tr>{body}</table></div>"


def plot(name: str, label: str) -> str:
    """Where a picture goes."""
    return (
        f"<div class='picture'><div class='plot' id='{name}' role='img' "
        f"aria-label='{safe(label)}'></div></div>"
    )
