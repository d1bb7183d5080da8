"""The hosted demo's tables: what each request read, and what the rest cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, reduce
from operator import add

from rich import box
from rich.console import Console
from rich.table import Table

from headstart.cli.demo.hosted_run import Run
from headstart.cli.demo.hosted_traffic import Sent
from headstart.pricing import Pricer
from headstart.server.emulate import Entry
from headstart.usage import Usage

_TOP = 3
_COLUMNS = ("fresh", "read", "written", "cents")
COMMAND = "headstart run -- python your_agent.py"


def print_hosted(console: Console, before: Run, after: Run) -> None:
    """One row a request, the totals, what was missed and why, and what to do next."""
    console.print(requests(before.sent, after.sent))
    for line in totals(before.sent, after.sent):
        console.print(line)
    for title, run in (("Missed without it", before), ("Still missed with it", after)):
        console.print(f"\n[bold]{title}[/bold], the dearest first:")
        for reason, entries in top_misses(run)[:_TOP]:
            _print_miss(console, run, reason, entries, diff=run is after)
    console.print(
        "\nThe providers were emulated, by their documented rules and prices; the SDKs, the"
        " requests and the gateway were real, and too fast for anything to expire."
        " OpenAI caches unasked: what it reads by itself is on both sides."
        " To see the same of a program of yours:"
    )
    console.print(f"\n  [bold]{COMMAND}\n")


def requests(before: Sequence[Sent], after: Sequence[Sent]) -> Table:
    """Both runs side by side; tokens, and cents with the answer's. Fits 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False)
    table.add_column("request", no_wrap=True, overflow="ellipsis")
    for run in ("", "[green]"):
        for name in _COLUMNS:
            style = "cyan" if name == "cents" else None
            table.add_column(f"{run}{name}", justify="right", no_wrap=True, style=style)
    who = ""
    for one, two in zip(before, after, strict=True):
        if one.who != who:
            who = one.who
            table.add_row(f"[bold]{who}")
        table.add_row(f" {one.label}", *_cells(one), *_cells(two))
    table.title = "Straight to the provider, and through the gateway (right)"
    models = {one.who: one.model for one in before}
    table.caption = ", ".join(f"{name}: {model}" for name, model in models.items())
    table.title_justify = table.caption_justify = "left"
    return table


def totals(before: Sequence[Sent], after: Sequence[Sent]) -> list[str]:
    """Tokens and money of both runs, and the saving."""
    lines = []
    for name, sent in (("straight", before), ("gateway", after)):
        usage = reduce(add, (one.usage for one in sent), Usage())
        lines.append(
            f"[bold]{name:10}[/bold]${bill(sent):.4f}: {usage.read:,} of {usage.input:,} input"
            f" tokens read ({usage.hit_rate:.1%}), {usage.written:,} written"
        )
    share = saving(before, after) / bill(before)
    lines.append(f"[bold]{'saved':10}[green]${saving(before, after):.4f}, {share:.0%} of the bill")
    return lines


def saving(before: Sequence[Sent], after: Sequence[Sent]) -> float:
    """USD; negative where the second run cost more."""
    return bill(before) - bill(after)


def bill(sent: Sequence[Sent]) -> float:
    """USD of all requests."""
    return sum(cost_of(one) for one in sent)


def cost_of(sent: Sent) -> float:
    """USD of one request, its answer included. Models without a price are not in the demo."""
    cost = _pricer(sent.provider, sent.model).cost(sent.usage)
    assert cost is not None
    return cost


def top_misses(run: Run) -> list[tuple[str, list[Entry]]]:
    """Reasons with the requests that lost money by them, the dearest reason and the dearest
    request first."""
    found: dict[str, list[Entry]] = {}
    for entry in run.journal:
        if entry.lookup.reason is not None and entry.wasted:
            found.setdefault(entry.lookup.reason, []).append(entry)
    for entries in found.values():
        entries.sort(key=_wasted, reverse=True)
    return sorted(found.items(), key=lambda item: -sum(map(_wasted, item[1])))


def _print_miss(
    console: Console, run: Run, reason: str, entries: Sequence[Entry], *, diff: bool
) -> None:
    lost = sum(entry.lost for entry in entries)
    money = sum(map(_wasted, entries))
    console.print(
        f"  [yellow]{reason}[/yellow], requests: {len(entries)}, tokens: {lost:,}, ${money:.4f}"
    )
    split = run.journal.split(entries[0]) if diff else None
    if split is not None:
        for line in split.render().splitlines():
            console.print(f"    {line}", markup=False, soft_wrap=True)


def _cells(sent: Sent) -> tuple[str, ...]:
    usage = sent.usage
    read = f"[green]{usage.read:,}" if usage.read else "0"
    return f"{usage.fresh:,}", read, f"{usage.written:,}", f"{100 * cost_of(sent):.2f}"


def _wasted(entry: Entry) -> float:
    return entry.wasted or 0.0


@cache
def _pricer(provider: str, model: str) -> Pricer:
    return Pricer(provider, model)
