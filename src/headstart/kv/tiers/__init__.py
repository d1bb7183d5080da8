"""Tiers of page storage below memory: one contract, several implementations."""

from headstart.kv.tiers.contract import (
    PageKey,
    PinBudgetExceeded,
    Selection,
    Tier,
    TierEntry,
    TierError,
    TierStats,
    TierUnavailable,
)

__all__ = [
    "PageKey",
    "PinBudgetExceeded",
    "Selection",
    "Tier",
    "TierEntry",
    "TierError",
    "TierStats",
    "TierUnavailable",
]
