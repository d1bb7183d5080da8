"""Dated prices and cost arithmetic."""

from headstart.pricing.cost import cost, cost_without_cache
from headstart.pricing.prices import PRICES, Price, UnknownPrice, price_of

__all__ = ["PRICES", "Price", "UnknownPrice", "cost", "cost_without_cache", "price_of"]
