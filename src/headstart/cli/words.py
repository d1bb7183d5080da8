"""Numbers and strangers' text as people read them; the same in a terminal and on a page."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite

NONE = "-"


def money(usd: float) -> str:
    """``$1,234.56``; more digits where the sum is small."""
    digits = 2 if abs(usd) >= 1 or usd == 0 else 4
    return f"{'-' if usd < 0 else ''}${abs(usd):,.{digits}f}"


def percent(share: float | None) -> str:
    """``12.3%``."""
    return NONE if share is None else f"{share:.1%}"


def tokens(count: int) -> str:
    """``1.2k``, ``3.4M``, ``5.6G``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if count >= size:
            return f"{count / (1e3 if unit == 'k' else size):.1f}{unit}"
    return str(count)


def seconds(value: float | None) -> str:
    """``123 ms`` or ``1.23 s``."""
    if value is None:
        return NONE
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def clock(unix: float) -> str:
    """UTC, to the minute."""
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%d %H:%M}" if isfinite(unix) else NONE


def visible(text: str) -> str:
    """Without what would move a cursor, change colours, or reorder a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
