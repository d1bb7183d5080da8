"""Prices and break-even points as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.box import SIMPLE
from rich.table import Table

from headstart.pricing import KVSize, OpenModel, Price, Rule

Facts = Sequence[tuple[str, str]]


def rate(value: float | None) -> str:
    """USD per million tokens; a dash for what is not sold."""
    return "–" if value is None else f"{value:,.6g}"


def usd(value: float) -> str:
    """A sum of money: cents, or the first digits of less than one."""
    return f"{value:,.2f}" if abs(value) >= 0.01 or not value else f"{value:.3g}"


def dollars(value: float) -> str:
    """With its sign; a minus stands in front of it."""
    return f"{'-' if value < 0 else ''}${usd(abs(value))}"


def share(value: float | None) -> str:
    """A probability; "never" for one that can't be reached."""
    return "never" if value is None else f"{value:.1%}"


def span(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    if seconds == float("inf"):
        return "for ever"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds * 1000:.1f} ms" if seconds else "never"


def price_table(found: Iterable[Price]) -> Table:
    """One line a model, in USD per million tokens."""
    table = Table(caption="USD per million tokens", caption_justify="left", box=SIMPLE)
    table.pad_edge, table.padding = False, (0, 1, 0, 0)
    table.add_column("provider", overflow="fold")
    table.add_column("model", overflow="fold")
    columns = ("input", "read", "write 5m", "write 30m", "write 1h", "write 12h", "output")
    for name in columns:
        table.add_column(name, justify="right", min_width=5)
    for price in found:
        rates = (
            price.input,
            price.read,
            price.write_5m,
            price.write_30m,
            price.write_1h,
            price.write_12h,
            price.output,
        )
        table.add_row(price.provider, price.model, *map(rate, rates))
    return table


def tier_table(tiers: Sequence[tuple[int, Price]]) -> Table:
    """One model's rates by the size of the request."""
    table = Table("of requests from", title_justify="left")
    for start, _ in tiers:
        table.add_column(f"{start:,} tokens", justify="right")
    for label, field in (
        ("input", "input"),
        ("cache read", "read"),
        ("write, 5 m", "write_5m"),
        ("write, 30 m", "write_30m"),
        ("write, 1 h", "write_1h"),
        ("write, 12 h", "write_12h"),
        ("output", "output"),
        ("storage, an hour", "storage"),
    ):
        table.add_row(label, *(rate(getattr(price, field)) for _, price in tiers))
    return table


def facts(found: Facts) -> Table:
    """Names and what is said of them."""
    table = Table.grid(padding=(0, 2))
    for name, text in found:
        table.add_row(f"[bold]{name}", text)
    return table


def columns(found: Sequence[Mapping[str, str]]) -> Table:
    """One line a mapping; all have the same keys, the first of which names the line."""
    table = Table(title_justify="left")
    for index, name in enumerate(found[0]):
        table.add_column(name, justify="left" if index == 0 else "right")
    for one in found:
        table.add_row(*one.values())
    return table


def kv_facts(name: str, model: OpenModel, size: KVSize, context: int) -> Facts:
    """What a sequence of one model keeps."""
    window = f", and {size.windowed:,} within {size.window:,} tokens" if size.windowed else ""
    return (
        ("model", f"{name}, {model.active / 1e9:.3g} billion active parameters"),
        ("attention", size.kind),
        ("bytes a token", f"{size.full:,}{window}"),
        ("a sequence", f"{size.bytes(context) / 1e9:,.3g} GB for {context:,} tokens"),
    )


def rule_table(rules: Sequence[Rule]) -> Table:
    """The five-minute rule, tier by tier."""
    return columns(
        [
            {
                "tier": rule.tier,
                "keep if reused within": span(rule.interval),
                "load 1,000 tokens": span(rule.load_seconds) if rule.load_seconds else "–",
                "compute them": span(rule.compute_seconds),
            }
            for rule in rules
        ]
    )
