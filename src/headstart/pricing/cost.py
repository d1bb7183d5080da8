"""What a request's tokens cost, with a provider's prompt cache and without one."""

from __future__ import annotations

from headstart.pricing.prices import Price
from headstart.usage import Usage

_PER_PRICE = 1_000_000


def cost(usage: Usage, price: Price) -> float:
    """USD for exclusive buckets, each at its own rate.

    Tokens written for a lifetime that the provider does not sell are charged at the rate
    of the shortest one it does, and at the input rate if it charges for no writes at all.
    """
    total = usage.fresh * price.input + usage.read * price.read + usage.output * price.output
    if usage.written:
        sold = _write_rates(price)
        shortest = next((rate for rate in sold if rate is not None), price.input)
        total += sum(
            tokens * (shortest if rate is None else rate)
            for tokens, rate in zip(_written(usage), sold, strict=True)
        )
    return total / _PER_PRICE


def cost_without_cache(usage: Usage, price: Price) -> float:
    """USD for the same tokens if all input were processed anew."""
    return (usage.input * price.input + usage.output * price.output) / _PER_PRICE


def _write_rates(price: Price) -> tuple[float | None, ...]:
    """By lifetime, the shortest first; in the order of ``_written``."""
    return (price.write_5m, price.write_30m, price.write_1h, price.write_12h, price.write_other)


def _written(usage: Usage) -> tuple[int, ...]:
    return (usage.write_5m, usage.write_30m, usage.write_1h, usage.write_12h, usage.write_other)
