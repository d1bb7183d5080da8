"""The five-minute rule for KV: how often a page must be reused to be worth its place.

Keeping a token's keys and values in a tier costs its bytes times the tier's price for as
long as they lie there; recomputing it costs GPU time. Below the interval at which both are
equal, keep it. (After Gray and Putzolu's rule for pages of a disk.)
"""

from __future__ import annotations

from typing import NamedTuple

HOUR = 3600.0
MONTH = 730.0
"""Hours."""


class Machine(NamedTuple):
    """What computes. The defaults are assumptions of ours, 2026-11-23."""

    dollars_per_hour: float = 3.0
    """One H200, rented."""
    flops: float = 989e12
    """Dense bf16, NVIDIA's data sheet of the H200."""
    utilisation: float = 0.4
    """Of these during a prefill."""

    def prefill_rate(self, parameters: float) -> float:
        """Tokens a second of a model with so many active parameters: two operations each,
        attention's own left out, so that long prompts are in truth slower."""
        return self.flops * self.utilisation / (2 * parameters)


class Tier(NamedTuple):
    """Where pages lie."""

    name: str
    dollars_per_gb_hour: float
    bandwidth: float | None
    """Bytes a second into the GPU, which waits; None: they are there."""
    dollars_per_read: float = 0.0
    """Of one page."""


TIERS = (
    Tier("HBM", 3.0 / 141, None),
    Tier("DRAM", 3.50 / MONTH, 50e9),
    Tier("NVMe", 0.10 / MONTH, 6e9),
    Tier("S3", 0.023 / MONTH, 5e9, 0.4e-6),
)
"""Assumptions of ours, 2026-11-23: HBM is a share of the GPU's rent; DRAM and NVMe are what
clouds ask for a GB-month with a machine; S3 is its list price of a GB-month and of a GET,
read in parallel ranges over a network of 100 Gbit/s."""


class Rule(NamedTuple):
    """One tier's answer."""

    tier: str
    interval: float
    """Seconds between uses below which keeping is cheaper; 0: recomputing always is."""
    load_seconds: float
    """To bring 1,000 tokens into the GPU."""
    compute_seconds: float
    """To compute them instead."""


def five_minute_rule(
    token_bytes: float,
    prefill_rate: float,
    tier: Tier,
    *,
    dollars_per_hour: float = Machine().dollars_per_hour,
    page_tokens: int = 256,
) -> Rule:
    """For KV of ``token_bytes`` a token, on a GPU that prefills ``prefill_rate`` tokens a
    second. ValueError for numbers that are not positive."""
    if not (token_bytes > 0 and prefill_rate > 0 and dollars_per_hour > 0 and page_tokens > 0):
        raise ValueError("bytes, rates, prices and pages must be above 0")
    second = dollars_per_hour / HOUR
    compute = 1 / prefill_rate
    load = token_bytes / tier.bandwidth if tier.bandwidth else 0.0
    saved = (compute - load) * second - tier.dollars_per_read / page_tokens
    holding = token_bytes / 1e9 * tier.dollars_per_gb_hour / HOUR
    interval = max(0.0, saved) / holding if holding else float("inf")
    return Rule(tier.name, interval, 1000 * load, 1000 * compute)
