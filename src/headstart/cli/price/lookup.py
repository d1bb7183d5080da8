"""Prices by name for a command; what can't be found ends it with one line."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from headstart.cli.failures import fail
from headstart.cli.price.prices_file import read_prices
from headstart.pricing import Price, UnknownPrice, known_models, price_of, tier_starts
from headstart.pricing.sellers import seller


class Lookup:
    """Prices of a day, the user's own first."""

    def __init__(self, prices: Path | None, at: str | None) -> None:
        self._overrides = read_prices(prices)
        self._at = _day(at)

    def price(self, model: str, provider: str | None, input_tokens: int = 0) -> Price:
        """The rates of a request of that size."""
        try:
            return price_of(
                model, input_tokens, provider=provider, at=self._at, overrides=self._overrides
            )
        except UnknownPrice as error:
            raise fail(f"{error}; see headstart price list") from None

    def tiers(self, model: str, provider: str | None) -> Sequence[tuple[int, Price]]:
        """The rates from each size on at which they change."""
        starts = tier_starts(model, provider=provider, overrides=self._overrides)
        return [(start, self.price(model, provider, start)) for start in starts or (0,)]

    def listed(self, provider: str | None) -> list[Price]:
        """The rates of small requests of every model, the user's own first; of a cloud that
        charges what a maker publishes, the maker's."""
        published = seller(provider, "")[0]
        own = dict.fromkeys((row.provider, row.model) for row in self._overrides)
        found = []
        for whose, model in dict.fromkeys((*own, *known_models())):
            if provider is None or whose in (provider, published):
                try:
                    found.append(
                        price_of(model, provider=whose, at=self._at, overrides=self._overrides)
                    )
                except UnknownPrice:
                    continue  # not sold yet on that day, or only in another size
        return found


def _day(at: str | None) -> date | None:
    try:
        return date.fromisoformat(at) if at else None
    except ValueError:
        raise fail(f"--at {at}: not a date like 2026-12-01") from None


def as_text(data: Any) -> str:
    """JSON; what is infinite, or no number, is null."""
    return json.dumps(_finite(data), indent=2, default=str, ensure_ascii=False)


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return data
