"""An audit in a terminal: what matters first, and each thing in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.bar import Bar
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headstart.audit.findings import Audit, Tally
from headstart.cli.audit.plain import facts, reachable
from headstart.cli.audit.terminal_blame import blame, latent
from headstart.cli.audit.terminal_more import curves, families, heading, notes, trust, what_if
from headstart.cli.words import money, percent, tokens, visible

_WIDEST: Final = 110
_DAYS: Final = 14
_ROWS: Final = 6


def show(audit: Audit, console: Console | None = None) -> None:
    """Everything; JSON and the page have what is cut short here."""
    out = console or Console(highlight=False, emoji=False)
    out = _narrowed(out)
    _verdict(out, audit)
    _now(out, audit)
    blame(out, audit)
    latent(out, audit)
    what_if(out, audit)
    curves(out, audit)
    families(out, audit)
    trust(out, audit)
    notes(out, audit)


def _narrowed(console: Console) -> Console:
    """Lines beyond a certain length are hard to read."""
    if console.width > _WIDEST:
        console.width = _WIDEST
    return console


def _verdict(out: Console, audit: Audit) -> None:
    out.print(Text(facts(audit), style="dim"))
    style = "bold green" if not audit.culprits and audit.verdict.caching else "bold yellow"
    out.print(Text(visible(audit.verdict.text), style=style))


def _now(out: Console, audit: Audit) -> None:
    total = audit.now.total
    about = (
        "A prompt cache keeps the beginnings of prompts. A token read from it costs a fraction "
        "of the normal price; writing one may cost a little more."
    )
    heading(out, "Now", about)
    grid = Table.grid(padding=(0, 2))
    for name, value in _facts(audit, total):
        grid.add_row(Text(name), Text(value))
    out.print(grid)
    for title, tallies in (("model", audit.now.by_model), ("kind", audit.now.by_kind)):
        if len(tallies) > 1:
            out.print(Padding(_tallies(title, tallies), (1, 0, 0, 0)))
    if len(audit.now.by_day) > 1:
        out.print(Padding(_days("day", audit.now.by_day[-_DAYS:]), (1, 0, 0, 0)))
    if len({tally.hit_rate for tally in audit.now.by_hour}) > 1:
        out.print(Padding(_hours(audit.now.by_hour), (1, 0, 0, 0)))


def _facts(audit: Audit, total: Tally) -> list[tuple[str, str]]:
    best = reachable(audit)
    better = f"; {best:.1%} within reach" if best is not None and best > total.hit_rate else ""
    hits = total.hits / total.requests if total.requests else 0.0
    rows = [
        ("token hit rate", f"{total.hit_rate:.1%} of {tokens(total.input)} input tokens{better}"),
        ("request hit rate", f"{hits:.1%} of the requests read anything"),
        ("creation rate", f"{total.creation_rate:.1%} of the tokens were written to it"),
    ]
    if total.cost is not None:
        uncached = ""
        if total.uncached is not None:
            saved = total.uncached - total.cost
            word = "saved" if saved >= 0 else "lost"
            uncached = f"; {money(total.uncached)} without caching, {money(abs(saved))} {word}"
        rows.append(("cost", f"{money(total.cost)}{uncached}"))
    source = "usage recorded in the logs" if total.recorded else "emulated by the provider's rules"
    rows.append(("known from", source))
    return rows


def _tallies(title: str, tallies: Sequence[Tally]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(f"by {title}", overflow="ellipsis", no_wrap=True)
    for name in ("requests", "input", "hit rate", "created", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for tally in tallies[:_ROWS]:
        cost = "-" if tally.cost is None else money(tally.cost)
        table.add_row(
            Text(visible(tally.name)[:48]),
            f"{tally.requests:,}",
            tokens(tally.input),
            percent(tally.hit_rate),
            percent(tally.creation_rate),
            cost,
        )
    return table


def _days(title: str, tallies: Sequence[Tally]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in (f"by {title}, UTC", "requests", "hit rate"):
        table.add_column(name, justify="left" if name.startswith("by") else "right")
    table.add_column("", width=30)
    for tally in tallies:
        bar: Any = Bar(1.0, 0.0, tally.hit_rate, color="green")
        table.add_row(visible(tally.name), f"{tally.requests:,}", percent(tally.hit_rate), bar)
    return table


_LEVELS: Final = "▁▂▃▄▅▆▇█"


def _hours(tallies: Sequence[Tally]) -> Text:
    """One sign an hour of the day: its height is the hit rate."""
    known = {tally.name[:2]: tally.hit_rate for tally in tallies}
    rates = [known.get(f"{hour:02}") for hour in range(24)]
    signs = "".join("·" if rate is None else _LEVELS[min(7, int(rate * 8))] for rate in rates)
    low, high = min(known.values()), max(known.values())
    text = Text("by hour of day, UTC   00 ", style="dim")
    text.append(signs, style="green")
    return text.append(f" 23   {low:.0%} to {high:.0%}", style="dim")
