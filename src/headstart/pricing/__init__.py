"""Dated prices, cost arithmetic, and when caching pays."""

from headstart.pricing.breakeven import (
    SECONDS,
    Lifetime,
    Multipliers,
    Parallel,
    break_even_hit_rate,
    break_even_last_use,
    expected_cost,
    longer_pays_below,
    multipliers,
    parallel,
    reads_to_repay,
)
from headstart.pricing.cost import cost, cost_without_cache
from headstart.pricing.gaps import Choice, choices, ending, exponential, observed
from headstart.pricing.keepalive import (
    least_hazard,
    ping_cost,
    ping_pays,
    pings_without_information,
    pings_worth,
)
from headstart.pricing.kv_models import OPEN_MODELS, OpenModel
from headstart.pricing.kv_rule import TIERS, Machine, Rule, Tier, five_minute_rule
from headstart.pricing.kv_size import ConfigError, KVSize, kv_size
from headstart.pricing.overrides import OverrideError, overrides_from
from headstart.pricing.pricer import Pricer
from headstart.pricing.prices import Price, UnknownPrice, known_models, price_of, tier_starts
from headstart.pricing.roi import PRESETS, VARIED, Preset, Roi, Varied, Workload, roi, sensitivity
from headstart.pricing.rows import Row
from headstart.pricing.storage import (
    Storage,
    hours_without_information,
    reads_per_hour,
    storage_of,
)

__all__ = [
    "OPEN_MODELS",
    "PRESETS",
    "SECONDS",
    "TIERS",
    "VARIED",
    "Choice",
    "ConfigError",
    "KVSize",
    "Lifetime",
    "Machine",
    "Multipliers",
    "OpenModel",
    "OverrideError",
    "Parallel",
    "Preset",
    "Price",
    "Pricer",
    "Roi",
    "Row",
    "Rule",
    "Storage",
    "Tier",
    "UnknownPrice",
    "Varied",
    "Workload",
    "break_even_hit_rate",
    "break_even_last_use",
    "choices",
    "cost",
    "cost_without_cache",
    "ending",
    "expected_cost",
    "exponential",
    "five_minute_rule",
    "hours_without_information",
    "known_models",
    "kv_size",
    "least_hazard",
    "longer_pays_below",
    "multipliers",
    "observed",
    "overrides_from",
    "parallel",
    "ping_cost",
    "ping_pays",
    "pings_without_information",
    "pings_worth",
    "price_of",
    "reads_per_hour",
    "reads_to_repay",
    "roi",
    "sensitivity",
    "storage_of",
    "tier_starts",
]
