"""The demo's table and totals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from rich.console import Console
from rich.table import Table

from headstart.cli.demo.traffic import Asked
from headstart.engine.contract import ModelInfo
from headstart.pricing import cost, cost_without_cache, price_of
from headstart.usage import Usage

PRICED_AS = "claude-opus-5-5"
_OTHER_COLUMNS = 51
"""Characters that the table needs beside the requests themselves."""


def print_report(console: Console, asked: Sequence[Asked], model: ModelInfo) -> None:
    """One row a request, then what the cache was worth."""
    console.print(_requests(asked, model, console.width - _OTHER_COLUMNS))
    summary = Table.grid(padding=(0, 2))
    for name, text in totals(asked):
        summary.add_row(f"[bold]{name}", text)
    console.print(summary)


def totals(asked: Sequence[Asked]) -> list[tuple[str, str]]:
    """Hit rate, seconds and money by name, each with how it was got."""
    total = reduce(add, (request.usage for request in asked), Usage())
    price = price_of(PRICED_AS, max(request.usage.input for request in asked))
    with_cache, without = cost(total, price), cost_without_cache(total, price)
    return [
        (
            "token hit rate",
            f"{total.hit_rate:.1%}: {total.read:,} of {total.input:,} input tokens were read"
            " from the cache",
        ),
        (
            "time saved",
            f"about {seconds_saved(asked):.1f} s: the tokens read, at the seconds a token that"
            " the first, cold request of the same SDK took",
        ),
        (
            "money",
            f"${with_cache:.4f} instead of ${without:.4f} ({1 - with_cache / without:.0%} less):"
            f" these token counts at the prices of {price.provider}'s {price.model}"
            f" ({price.source}, {price.as_of})",
        ),
    ]


def seconds_saved(asked: Sequence[Asked]) -> float:
    """Tokens read, times the time a token took in the first request of the same SDK.

    An estimate: attention makes late tokens dearer than early ones, so it errs low for
    prompts longer than that first one and high for shorter ones.
    """
    rates: dict[str, float] = {}
    saved = 0.0
    for request in asked:
        processed = request.usage.input - request.usage.read
        rate = rates.setdefault(request.api, request.ttft / max(1, processed))
        saved += request.usage.read * rate
    return saved


def _requests(asked: Sequence[Asked], model: ModelInfo, label_width: int) -> Table:
    table = Table(title=f"{model.id}, {model.dtype} on {model.device}", title_justify="left")
    table.add_column("SDK")
    table.add_column("request", no_wrap=True, overflow="ellipsis", max_width=max(8, label_width))
    for name in ("fresh", "read", "written", "TTFT"):
        table.add_column(name, justify="right", no_wrap=True)
    for number, request in enumerate(asked):
        usage = request.usage
        last_of_sdk = number + 1 < len(asked) and asked[number + 1].api != request.api
        table.add_row(
            request.api,
            request.label,
            f"{usage.fresh:,}",
            f"[green]{usage.read:,}" if usage.read else "0",
            f"{usage.written:,}",
            f"{request.ttft:.2f} s",
            end_section=last_of_sdk,
        )
    return table
