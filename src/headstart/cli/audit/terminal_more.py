"""The rest of an audit in a terminal: what if, how long, how much, which prompts, how sure."""

from __future__ import annotations

from math import isinf
from typing import Any, Final

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from headstart.audit.findings import Audit, Branch, Curve, Family, Option
from headstart.cli.audit.plain import Sums, count, now_option, span
from headstart.cli.words import money, percent, tokens, visible

_BARS: Final = 10
_FLAT: Final = 0.0005
"""A curve that has come so near to its end is told no further."""
_FAMILIES: Final = 4
_BRANCHES: Final = 3
_DEEP: Final = 3
_SHARE: Final = 0.05
"""Of a family's requests: branches below that are not drawn."""
_NOTED: Final = 100
"""Columns from which on there is room for notes beside figures."""
_NOTES: Final = 8
_SOURCES: Final = 8


def heading(out: Console, title: str, about: str) -> None:
    """A section's name, and what it is about."""
    out.print()
    out.print(Text(title, style="bold cyan"))
    out.print(Text(about, style="dim"))


def what_if(out: Console, audit: Audit) -> None:
    """The same traffic another way."""
    if not audit.options:
        return
    sums, base = Sums(audit), now_option(audit)
    heading(out, "What if", f"The same requests another way, replayed; cost is {sums.unit}.")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", no_wrap=True)
    for name in ("cost", "against now", "hit rate"):
        table.add_column(name, justify="right", no_wrap=True)
    noted = out.width >= _NOTED
    if noted:
        table.add_column("", style="dim", no_wrap=True, overflow="ellipsis")
    models = [option for option in audit.options if option.kind == "model"]
    for option in (*(one for one in audit.options if one.kind != "model"), *models):
        if models and option is models[0]:
            table.add_row(Text("at other models", style="dim"))
        cost = sums.cost(option)
        cells = [
            Text(visible(option.name)[:30], style="bold" if option.kind == "now" else ""),
            Text("-" if cost is None else money(cost)),
            _against(option, base, sums),
            Text(percent(option.hit_rate)),
        ]
        table.add_row(*cells, *([Text(visible(option.note)[: out.width - 62])] if noted else []))
    out.print(table)


def _against(option: Option, base: Option | None, sums: Sums) -> Text:
    cost, usual = sums.cost(option), sums.cost(base) if base else None
    if option.kind == "now" or cost is None or not usual:
        return Text("")
    share = cost / usual - 1
    return Text(f"{share:+.0%}", style="green" if share < 0 else "red" if share > 0 else "")


def curves(out: Console, audit: Audit) -> None:
    """Bars over lifetimes, and over memory."""
    for curve in audit.curves:
        long = curve.name == "ttl"
        title = "How long to keep it" if long else "How much to keep (your own servers)"
        heading(out, title, visible(f"Hit rate; {curve.note}."))
        out.print(_bars(curve))
        if _risen(curve) < len(curve.x) - 1:
            out.print(Text("More than that adds nothing.", style="dim"))


def _bars(curve: Curve) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right")
    table.add_column(justify="right", style="dim")
    table.add_column(width=36)
    table.add_column(justify="right")
    last = _risen(curve)
    for index in sorted({round(step * last / (_BARS - 1)) for step in range(_BARS)}):
        x, rate = curve.x[index], curve.hit_rate[index]
        if curve.name == "ttl":
            name, more = ("for ever" if isinf(x) else span(x)), ""
        else:
            name, more = f"{_count(x)} tokens", _bytes(curve, index)
        bar: Any = Bar(1.0, 0.0, rate, color="green")
        table.add_row(name, more, bar, f"{rate:.1%}")
    return table


def _risen(curve: Curve) -> int:
    """Where it has come as high as it gets."""
    most = max(curve.hit_rate)
    return next(i for i, rate in enumerate(curve.hit_rate) if rate >= most - _FLAT)


def _count(number: float) -> str:
    return f"{number:,.0f}" if number < 1e4 else tokens(int(number))


def _bytes(curve: Curve, index: int) -> str:
    if not curve.bytes:
        return ""
    size = curve.bytes[index]
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB")):
        if size >= 2**power:
            return f"{size / 2**power:,.3g} {unit}"
    return f"{size:,.0f} B"


def families(out: Console, audit: Audit) -> None:
    """Which prompts there are, and how they part."""
    if not audit.families:
        return
    heading(
        out,
        "Your prompts",
        "Prompts that begin alike are a family. Each line is a piece that requests share: its "
        "tokens, and how many requests go through it.",
    )
    for family in audit.families[:_FAMILIES]:
        out.print(_tree(family))
    more = len(audit.families) - _FAMILIES
    if more > 0:
        out.print(Text(f"families beside these: {more:,}", style="dim"))


def _tree(family: Family) -> Tree:
    head = Text.assemble(
        (f"{family.id}  ", "bold"),
        f"{family.requests:,} requests; of an average prompt ",
        (f"{family.stable:,} tokens are stable", "green"),
        (f", {family.dynamic:,} change", "yellow"),
    )
    tree = Tree(head, guide_style="dim")
    below: dict[int, list[int]] = {}
    for number, branch in enumerate(family.tree):
        below.setdefault(branch.parent, []).append(number)
    _grow(tree, family, below, -1, 1)
    return tree


def _grow(tree: Tree, family: Family, below: dict[int, list[int]], at: int, depth: int) -> None:
    children = sorted(below.get(at, ()), key=lambda n: family.tree[n].requests, reverse=True)
    drawn = [n for n in children if family.tree[n].requests >= _SHARE * family.requests]
    drawn = drawn[:_BRANCHES]
    for number in drawn:
        node = tree.add(_leaf(family.tree[number]))
        if depth < _DEEP:
            _grow(node, family, below, number, depth + 1)
    through = family.tree[at].requests if at >= 0 else family.requests
    rest = through - sum(family.tree[n].requests for n in drawn)
    if rest > 0 and children:
        tree.add(Text(f"{count(rest, 'request')}: other ways, or the end", style="dim"))


def _leaf(branch: Branch) -> Text:
    text = Text.assemble((f"{branch.tokens:,} tokens", "bold"), f" × {branch.requests:,}  ")
    text.append(visible(branch.label), style="dim")
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def trust(out: Console, audit: Audit) -> None:
    """The emulator beside what providers said."""
    found = audit.trust
    if not found.requests:
        return
    heading(
        out,
        "How far to believe this",
        f"{found.requests:,} requests have recorded usage; this is what the emulator says of "
        f"the same. {found.exact / found.requests:.1%} of them agree within 2%.",
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("tokens", "recorded", "emulated", "error, of the input"):
        table.add_column(name, justify="left" if name == "tokens" else "right")
    for name in ("input", "read", "written"):
        recorded, emulated = getattr(found, name)
        error = (emulated - recorded) / max(1, found.input[0])
        table.add_row(name, f"{recorded:,}", f"{emulated:,}", f"{error:+.1%}")
    out.print(table)
    for why in found.why:
        out.print(Text(f"- {visible(why)}"))


def notes(out: Console, audit: Audit) -> None:
    """What was assumed, and what could not be read."""
    said = [visible(note) for note in audit.notes]
    faulty = [one for one in audit.sources if one.broken or one.duplicates or one.notes]
    for source in faulty[:_SOURCES]:
        counts = [count(source.records, "request")]
        counts += [count(source.broken, "broken row")] if source.broken else []
        counts += [count(source.duplicates, "duplicate")] if source.duplicates else []
        more = "".join(f"; {note}" for note in source.notes[:3])
        said.append(visible(f"{source.path}: {', '.join(counts)}{more}"))
    if len(faulty) > _SOURCES:
        said.append(f"{len(faulty) - _SOURCES:,} more files with notes, in the JSON")
    if not said:
        return
    heading(out, "Notes", "What was assumed, and what could not be read.")
    for line in said[: _NOTES + _SOURCES]:
        out.print(Text(f"- {line}"))
