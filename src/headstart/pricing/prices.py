"""What providers charge, as dated data, the caller's own prices first.

USD per million tokens. A model that is in no row is not guessed at: ``price_of`` raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache

from headstart.pricing.additions import STORAGE, TWELVE_HOURS, addition_rows
from headstart.pricing.rows import COMPILED, Row, rows
from headstart.pricing.sellers import seller

LONGEST_NAME = 256


class UnknownPrice(LookupError):
    """No row for this model."""


@dataclass(frozen=True, slots=True)
class Price:
    """One model's rates, in USD per million tokens. None: the provider sells no such write."""

    provider: str
    model: str
    input: float
    read: float
    output: float
    write_5m: float | None
    write_1h: float | None
    write_other: float | None
    source: str
    as_of: date
    write_30m: float | None = None
    write_12h: float | None = None
    storage: float | None = None
    """USD per million tokens and hour, of an explicit cache object."""


def price_of(
    model: str,
    input_tokens: int = 0,
    *,
    provider: str | None = None,
    at: date | datetime | None = None,
    overrides: Sequence[Row] = (),
) -> Price:
    """The rates for a request of ``input_tokens`` in all, on a day or at a moment (UTC; the
    table's own day without one). Without ``provider`` the first one in the table that knows
    the name. UnknownPrice."""
    moment = _moment(at)
    name = model.lower()[:LONGEST_NAME]
    applies = _holding(_first_named(overrides, provider, name), moment, input_tokens)
    applies = applies or _holding(_listed(*seller(provider, name)), moment, input_tokens)
    if not applies:
        whose = f" at {provider}" if provider else ""
        raise UnknownPrice(f"no price for model {model[:LONGEST_NAME]!r}{whose}")
    return _price(applies[-1], moment.date())


def _holding(found: tuple[Row, ...], moment: datetime, input_tokens: int) -> list[Row]:
    return [row for row in found if row.holds(moment, input_tokens)]


def _price(row: Row, day: date) -> Price:
    thirty_minutes = row.provider in ("openai", "azure") or "openai.gpt" in row.model
    write_30m = row.write if thirty_minutes else None
    return Price(
        row.provider,
        row.model,
        row.input,
        row.read,
        row.output,
        write_5m=None if thirty_minutes else row.write,
        write_1h=row.write_1h,
        write_other=None,
        source=row.source,
        as_of=COMPILED,
        write_30m=write_30m,
        write_12h=None if write_30m is None else write_30m * TWELVE_HOURS,
        storage=_storage(row.model, day) if row.provider == "google" else None,
    )


def _storage(model: str, day: date) -> float | None:
    rates = [s.rate for s in STORAGE if model.startswith(s.model) and s.since <= day]
    return rates[-1] if rates else None


def _moment(at: date | datetime | None) -> datetime:
    if isinstance(at, datetime):
        return at.astimezone(UTC)
    return datetime.combine(at or COMPILED, time(12), UTC)


@lru_cache(maxsize=1024)
def _listed(provider: str | None, name: str) -> tuple[Row, ...]:
    return _first_named((*addition_rows(), *rows()), provider, name)


def _first_named(given: Sequence[Row], provider: str | None, name: str) -> tuple[Row, ...]:
    """All rows of the first model that has this name: its own id before any pattern."""
    mine = [row for row in given if provider in (None, row.provider)]
    named = next((row for row in mine if row.model == name), None)
    if named is None:
        named = next((row for row in mine if row.names(name)), None)
    if named is None:
        return ()
    same = (named.provider, named.model)
    return tuple(row for row in mine if (row.provider, row.model) == same)


def tier_starts(
    model: str, *, provider: str | None = None, overrides: Sequence[Row] = ()
) -> tuple[int, ...]:
    """Numbers of input tokens from which on another rate holds, 0 among them, rising."""
    name = model.lower()[:LONGEST_NAME]
    found = _first_named(overrides, provider, name) + _listed(*seller(provider, name))
    return tuple(sorted({0, *(row.least_input for row in found)}))


def known_models(provider: str | None = None) -> tuple[tuple[str, str], ...]:
    """(provider, model) of every row, each once, in the table's order."""
    every = (*addition_rows(), *rows())
    return tuple(
        dict.fromkeys((r.provider, r.model) for r in every if provider in (None, r.provider))
    )
