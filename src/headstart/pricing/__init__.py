"""Dated prices and cost arithmetic."""

from headstart.pricing.cost import cost, cost_without_cache
from headstart.pricing.pricer import Pricer
from headstart.pricing.prices import Price, UnknownPrice, known_models, price_of, tier_starts
from headstart.pricing.rows import Row

__all__ = [
    "Price",
    "Pricer",
    "Row",
    "UnknownPrice",
    "cost",
    "cost_without_cache",
    "known_models",
    "price_of",
    "tier_starts",
]
