"""What the admin API says, as tables for people."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table

ID_DIGITS = 12
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def listing(entries: Sequence[dict[str, Any]], now: float | None = None) -> Table:
    """One row a prefix."""
    now = time.time() if now is None else now
    table = _table("id", "tenant", "model", "#tokens", "#size", "#hits", "#used", "tiers", "kept")
    for entry in entries:
        table.add_row(
            entry["id"][:ID_DIGITS],
            entry["tenant"] or "?",
            _short(entry["model"]),
            f"{entry['tokens']:,}",
            size(entry["bytes"]),
            f"{entry['hits']:,}",
            ago(entry["used"], now),
            " ".join(entry["tiers"]),
            kept(entry, now),
        )
    return table


def details(entry: dict[str, Any], now: float | None = None) -> Table:
    """One row for each tier that has a prefix."""
    now = time.time() if now is None else now
    table = _table("tier", "#tokens", "#size", "#hits", "#used", "kept")
    table.title = f"{entry['id']}  {entry['tenant'] or '?'}  {entry['model']}"
    table.title_justify = "left"
    for copy in entry["copies"]:
        table.add_row(
            copy["tier"],
            f"{copy['tokens']:,}",
            size(copy["bytes"]),
            f"{copy['hits']:,}",
            ago(copy["used"], now),
            kept(copy, now),
        )
    return table


def figures(stats: dict[str, Any]) -> Table:
    """Gauges of memory and of every tier."""
    table = _table("tier", "#limit", "#held", "#pinned", "#evicted", "#leases broken", "notes")
    memory = stats["memory"]
    table.add_row(
        "memory",
        size(memory["capacity_bytes"]),
        size(memory["cached_bytes"]),
        size(memory["pinned_bytes"]),
        f"{memory['evicted_tokens']:,} tokens",
        f"{memory['leases_broken']:,}",
        f"{size(memory['running_bytes'])} running",
    )
    for name, tier in stats["tiers"].items():
        notes = [f"{tier[count]:,} {count}" for count in ("damaged", "dropped", "errors")]
        table.add_row(
            name,
            size(tier["limit_bytes"]),
            size(tier["stored_bytes"]),
            size(tier["pinned_bytes"]),
            f"{tier['evicted']:,} pages",
            f"{tier['leases_broken']:,}",
            ", ".join([*(["paused"] if tier["paused"] else []), *notes]),
        )
    return table


def size(count: float) -> str:
    """Bytes in the unit that reads best."""
    for unit in _UNITS[:-1]:
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {_UNITS[-1]}"


def ago(moment: float, now: float) -> str:
    """How long since a Unix time; 0 is unknown."""
    return f"{span(max(0.0, now - moment))} ago" if moment else "-"


def kept(entry: dict[str, Any], now: float) -> str:
    """Whether it is pinned, and how long its lease lasts."""
    left = entry["leased_until"] - now
    words = ["pinned"] if entry["pinned"] else []
    return ", ".join([*words, *([f"leased {span(left)}"] if left > 0 else [])]) or "-"


def span(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    for length, unit in _SPANS:
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return "0 s"


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        right = name.startswith("#")
        table.add_column(name.lstrip("#"), justify="right" if right else "left", no_wrap=not right)
    return table


def _short(model: str) -> str:
    return model if len(model) <= 24 else model[:ID_DIGITS]
