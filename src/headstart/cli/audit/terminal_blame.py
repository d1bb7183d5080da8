"""Who is to blame, in a terminal: the bytes of two real requests, and what to change."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from headstart.audit.findings import Audit, Culprit, Fix
from headstart.cli.audit.plain import Sums, action, count, loss, reachable, title, worthwhile
from headstart.cli.audit.spots import side
from headstart.cli.words import money, visible

_TOLD: Final = 5
"""Culprits in full."""
_LISTED: Final = 15
_LATENT: Final = 4
_INDENT: Final = 4


def blame(out: Console, audit: Audit) -> None:
    """Culprits, the dearest first; then all fixes at once."""
    if not audit.culprits:
        return
    sums = Sums(audit)
    out.print()
    out.print(Text("Who is to blame", style="bold cyan"))
    said = f"What keeps tokens from being read, the dearest first; money is {sums.unit}."
    out.print(Text(said, style="dim"))
    for culprit in audit.culprits[:_TOLD]:
        _culprit(out, culprit, sums)
    _rest(out, audit, sums)
    if audit.together is not None:
        _together(out, audit, audit.together, sums)


def latent(out: Console, audit: Audit) -> None:
    """What did no harm so far."""
    if not audit.latent:
        return
    out.print()
    out.print(Text("Watch out", style="bold cyan"))
    out.print(
        Text(
            "These look as if they changed, and did not in these logs. On the day they do, all "
            "that stands behind them is no longer read.",
            style="dim",
        )
    )
    width = out.width - _INDENT
    for found in audit.latent[:_LATENT]:
        head = Text(f"  {title(found)}", style="bold")
        head.append(
            f"   {found.tokens:,} tokens behind it, {count(found.requests, 'request')}", style="dim"
        )
        out.print(head)
        shown = side(found.spot, " ", width)
        lines = [Text(f"{shown.place}  {visible(found.where)}", style="dim"), Text(shown.text)]
        lines += [Text(shown.carets, style="bold yellow"), Text(f"Do: {visible(found.text)}")]
        for line in lines:
            out.print(Padding(line, (0, 0, 0, _INDENT)))
    more = len(audit.latent) - _LATENT
    if more > 0:
        out.print(Text(f"  and {more} more", style="dim"))


def _culprit(out: Console, culprit: Culprit, sums: Sums) -> None:
    head = Text.assemble(
        (f"\n{culprit.rank:2}. ", "bold"),
        (title(culprit), "bold"),
        "  ",
        (sums.told(culprit), "bold red"),
    )
    out.print(head)
    for line in _lines(culprit, sums, out.width - _INDENT):
        out.print(Padding(line, (0, 0, 0, _INDENT)))


def _lines(culprit: Culprit, sums: Sums, width: int) -> list[Text]:
    where = ", ".join(filter(None, (visible(culprit.where), culprit.family)))
    lines = [Text(f"{loss(culprit)}{f'; {where}' if where else ''}", style="dim")]
    for spot, sign, style in ((culprit.a, "-", "red"), (culprit.b, "+", "green")):
        if spot is not None:
            shown = side(spot, sign, width)
            lines += [
                Text(shown.place, style="dim"),
                Text(shown.text, style=style, no_wrap=True, overflow="ellipsis"),
                Text(shown.carets, style="bold yellow", no_wrap=True, overflow="ellipsis"),
            ]
    lines += [
        _fix("Or: " if number else "Do: ", fix, sums, hidden=culprit.behind > culprit.lost)
        for number, fix in enumerate(worthwhile(culprit.fixes, sums))
    ]
    return lines


def _fix(start: str, fix: Fix, sums: Sums, *, hidden: bool) -> Text:
    text = Text.assemble((start, "bold"), (f"{action(fix.action)}. ", "bold"), visible(fix.text))
    saved = sums.saved(fix)
    if saved is None:
        return text.append(f" Reads {fix.tokens:,} tokens more.")
    if saved > 0:
        return text.append(f" Saves {money(saved)} {sums.unit}.", style="green")
    alone = "before the others are mended" if hidden else "here"
    word = f"costs {money(-saved)} {sums.unit} more" if saved < 0 else "saves nothing"
    return text.append(f" Alone it {word} {alone}.", style="dim")


def _rest(out: Console, audit: Audit, sums: Sums) -> None:
    """The others, a line each."""
    rest = audit.culprits[_TOLD:]
    if rest:
        out.print()
    for culprit in rest[:_LISTED]:
        lost = sums.told(culprit)
        where = f" ({visible(culprit.where)})" if culprit.where else ""
        out.print(Text(f"{culprit.rank:2}. {title(culprit)}{where}  {lost}"))
    if len(rest) > _LISTED:
        out.print(Text(f"    and {len(rest) - _LISTED} more, in the JSON", style="dim"))


def _together(out: Console, audit: Audit, fix: Fix, sums: Sums) -> None:
    saved = sums.saved(fix)
    alone = len(audit.culprits) == 1
    text = Text(f"\n{'With that mended:' if alone else visible(fix.text)}", style="bold")
    if saved is not None:
        word = "Saves" if saved >= 0 else "Costs"
        text.append(f" {word} {money(abs(saved))} {sums.unit}", style="bold green")
    else:
        text.append(f" Reads {fix.tokens:,} tokens more", style="bold green")
    best = reachable(audit)
    if best is not None:
        text.append(f"; {best:.1%} of the input is then read", style="bold green")
    out.print(text.append("."))
