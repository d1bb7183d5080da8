"""Prices of one model, ready for many requests: the rates are looked up once a tier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from headstart.pricing.cost import cost
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
        self._rates = [(start, _rates(price)) for start, price in self._tiers]

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
        """USD of the buckets, as ``pricing.cost`` has it."""
        total = usage.input
        for start, rates in self._rates:
            if total >= start:
                return (
                    usage.fresh * rates.fresh
                    + usage.read * rates.read
                    + usage.output * rates.output
                    + usage.write_5m * rates.write_5m
                    + usage.write_30m * rates.write_30m
                    + usage.write_1h * rates.write_1h
                    + usage.write_12h * rates.write_12h
                    + usage.write_other * rates.write_other
                )
        return None

    def uncached(self, usage: Usage) -> float | None:
        """USD of the same tokens if nothing had been cached."""
        total = usage.input
        for start, rates in self._rates:
            if total >= start:
                return total * rates.fresh + usage.output * rates.output
        return None


class _Rates(NamedTuple):
    """USD for one token of each bucket."""

    fresh: float
    read: float
    output: float
    write_5m: float
    write_30m: float
    write_1h: float
    write_12h: float
    write_other: float


def _rates(price: Price) -> _Rates:
    return _Rates(*(cost(Usage(**{bucket: 1}), price) for bucket in _Rates._fields))
