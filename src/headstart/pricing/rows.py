"""The generated table and the hand additions, as rows to look prices up in."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import cache
from typing import NamedTuple

from headstart.pricing.table import ROWS, SOURCE

COMPILED = date(2026, 11, 23)


class Row(NamedTuple):
    """One line: whose price, when and for which requests it holds, and the rates in USD per
    million tokens (None: not sold)."""

    provider: str
    model: str
    pattern: str
    since: date
    hours: tuple[time, time] | None
    """UTC, the end excluded; a window may cross midnight."""
    least_input: int
    input: float
    read: float
    output: float
    write: float | None
    """For the provider's default lifetime."""
    write_1h: float | None
    source: str

    def names(self, model: str) -> bool:
        """Whether the row is for a model of this name (lower case)."""
        return model == self.model or re.search(self.pattern, model) is not None

    def holds(self, at: datetime, input_tokens: int) -> bool:
        """Whether the row is for a request of that size at that moment (UTC)."""
        if at.date() < self.since or input_tokens < self.least_input:
            return False
        if self.hours is None:
            return True
        begin, end = self.hours
        now = at.time()
        return begin <= now < end if begin <= end else now >= begin or now < end


@cache
def rows() -> tuple[Row, ...]:
    """The generated table, in its own order."""
    return tuple(
        _row(["" if cell == "-" else cell for cell in line.split("\t")])
        for line in ROWS.strip("\n").split("\n")
    )


def _row(cells: list[str]) -> Row:
    provider, model, pattern, since, hours, least, *rates = cells
    cost, read, output, write, write_1h = (float(rate) if rate else None for rate in rates)
    assert cost is not None
    assert output is not None
    return Row(
        provider,
        model,
        pattern,
        date.fromisoformat(since) if since else date.min,
        _window(hours),
        int(least or 0),
        cost,
        cost if read is None else read,
        output,
        write,
        write_1h,
        SOURCE,
    )


def _window(hours: str) -> tuple[time, time] | None:
    if not hours:
        return None
    begin, _, end = hours.partition("-")
    return time.fromisoformat(begin), time.fromisoformat(end)
