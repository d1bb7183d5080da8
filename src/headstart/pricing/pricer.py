"""Prices of one model, ready for many requests: the rates are looked up once a tier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from headstart.pricing.cost import cost, cost_without_cache
from headstart.pricing.prices import Price, UnknownPrice, price_of, tier_starts
from headstart.pricing.rows import Row
from headstart.usage import Usage


class Pricer:
    """``cost`` and ``uncached`` in USD, or None for a model without a price."""

    def __init__(
        self,
        provider: str | None,
        model: str,
        at: date | datetime | None = None,
        overrides: Sequence[Row] = (),
    ) -> None:
        starts = tier_starts(model, provider=provider, overrides=overrides)
        self._tiers: list[tuple[int, Price]] = []
        for start in reversed(starts):
            try:
                price = price_of(model, start, provider=provider, at=at, overrides=overrides)
            except UnknownPrice:
                continue
            self._tiers.append((start, price))

    @property
    def known(self) -> bool:
        """Whether there is any price at all."""
        return bool(self._tiers)

    def price(self, input_tokens: int = 0) -> Price | None:
        """The rates of a request of that size; None where there are none."""
        for start, price in self._tiers:
            if input_tokens >= start:
                return price
        return None

    def cost(self, usage: Usage) -> float | None:
        """USD of the buckets."""
        price = self.price(usage.input)
        return None if price is None else cost(usage, price)

    def uncached(self, usage: Usage) -> float | None:
        """USD of the same tokens if nothing had been cached."""
        price = self.price(usage.input)
        return None if price is None else cost_without_cache(usage, price)
