"""Prices of the caller's own, as read from a file, into rows that come first.

    [anthropic."claude-opus-5-5"]        # provider and model; "*" in a name stands for anything
    input = 3.2                          # USD per million tokens; all three are needed
    read = 0.16
    output = 16
    write = 4                            # for the provider's default lifetime
    write_1h = 6.4
    since = 2026-12-01                   # the first day that it holds
    above = 200000                       # for requests of more input tokens than that

Several of one model, for several days or sizes, are an array: ``[[anthropic."claude-…"]]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from headstart.pricing.rows import Row

_RATES = ("input", "read", "output")
_WRITES = ("write", "write_1h")
_KEYS = (*_RATES, *_WRITES, "since", "above")
_DEAREST = 1e6


class OverrideError(ValueError):
    """A price override that can't be used: where, which table and key, and why."""

    def __init__(self, where: str, table: tuple[str, ...], key: str, why: str) -> None:
        name = ".".join((*table, key)) if key else ".".join(table)
        super().__init__(f"{where}: {name}: {why}")
        self.where = where
        self.table = table
        """Provider, model and, in an array, the number of the table from 1 on: as far as it
        got."""
        self.key = key
        """"" where the table itself is wrong."""
        self.why = why


def overrides_from(given: Mapping[str, Any], where: str) -> tuple[Row, ...]:
    """Rows of a file's content, tiers of one model in rising order of day and size.
    ``where`` is the file's name, for errors and as the rows' source. OverrideError."""
    return tuple(row for provider in given for row in _models(given[provider], provider, where))


def _models(models: Any, provider: str, where: str) -> Iterator[Row]:
    if not isinstance(models, Mapping):
        raise OverrideError(where, (provider,), "", "must be a table of models")
    for model, found in models.items():
        if isinstance(found, list):
            rows = [
                _row(table, (provider, model, str(number)), where)
                for number, table in enumerate(found, 1)
            ]
        else:
            rows = [_row(found, (provider, model), where)]
        yield from sorted(rows, key=lambda row: (row.since, row.least_input))


def _row(table: Any, at: tuple[str, ...], where: str) -> Row:
    provider, model = at[:2]
    if not isinstance(table, Mapping):
        raise OverrideError(where, at, "", "must be a table of prices")
    for key in table:
        if key not in _KEYS:
            known = ", ".join(_KEYS)
            raise OverrideError(where, at, key, f"no such key (known: {known})")
    for key in _RATES:
        if key not in table:
            raise OverrideError(where, at, key, "is missing")
    rates = {key: _rate(table[key], where, at, key) for key in table if key in _RATES + _WRITES}
    if rates["read"] > rates["input"]:
        raise OverrideError(where, at, "read", "is more than input")
    pattern = ".*".join(re.escape(part) for part in model.lower().split("*"))
    return Row(
        provider,
        model.lower(),
        f"^{pattern}$",
        _day(table.get("since", date.min), where, at),
        None,
        _above(table.get("above", -1), where, at) + 1,
        rates["input"],
        rates["read"],
        rates["output"],
        rates.get("write"),
        rates.get("write_1h"),
        where,
    )


def _rate(value: Any, where: str, at: tuple[str, ...], key: str) -> float:
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits or not 0 <= value <= _DEAREST:
        raise OverrideError(where, at, key, f"must be a number from 0 on, not {value!r:.60}")
    return float(value)


def _day(value: Any, where: str, at: tuple[str, ...]) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise OverrideError(where, at, "since", f"must be a date, not {value!r:.60}")
    return value


def _above(value: Any, where: str, at: tuple[str, ...]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < -1:
        raise OverrideError(where, at, "above", f"must be a count of tokens, not {value!r:.60}")
    return value
