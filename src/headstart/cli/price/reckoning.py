"""The numbers behind ``price request`` and ``price breakeven``."""

from __future__ import annotations

from typing import Any

from headstart.cli.failures import fail
from headstart.cli.price.tables import Facts, dollars, share, span
from headstart.pricing import (
    SECONDS,
    Multipliers,
    Price,
    break_even_hit_rate,
    break_even_last_use,
    cost,
    cost_without_cache,
    hours_without_information,
    least_hazard,
    multipliers,
    parallel,
    ping_cost,
    pings_without_information,
    reads_per_hour,
    reads_to_repay,
    storage_of,
)
from headstart.usage import Usage

_BUCKETS = {"5m": "write_5m", "30m": "write_30m", "1h": "write_1h", "12h": "write_12h"}


def usage_of(input: int, cached: int, written: int, lifetime: str, output: int) -> Usage:
    """Exclusive buckets of what an option each says."""
    if lifetime not in _BUCKETS:
        raise fail(f"--lifetime {lifetime}: 5m, 30m, 1h or 12h")
    if cached + written > input:
        raise fail(f"--cached {cached} and --written {written} are more than --input {input}")
    fresh = Usage(fresh=input - cached - written, read=cached, output=output)
    return fresh + Usage(**{_BUCKETS[lifetime]: written})


def request_cost(usage: Usage, rates: Price, calls: int) -> tuple[Facts, dict[str, Any]]:
    """With and without the cache, of so many calls."""
    with_cache = calls * cost(usage, rates)
    without = calls * cost_without_cache(usage, rates)
    saved = 1 - with_cache / without if without else 0.0
    lines = (
        ("model", f"{rates.model} ({rates.provider}; {rates.source}, {rates.as_of})"),
        ("input", f"{usage.input:,} tokens, {usage.hit_rate:.1%} of them read from the cache"),
        ("cost", dollars(with_cache)),
        ("without a cache", dollars(without)),
        ("saved", f"{saved:.1%}, {dollars(without - with_cache)}"),
    )
    data = {
        "provider": rates.provider,
        "model": rates.model,
        "calls": calls,
        "hit_rate": usage.hit_rate,
        "cost": with_cache,
        "uncached": without,
        "saved_share": saved,
    }
    return lines, data


def break_evens(
    rates: Price, prefix: int, requests: int
) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    """By lifetime, as text and as numbers; [] for a model whose reads cost what input does."""
    data = [_break_even(offer, rates, prefix, requests) for offer in multipliers(rates)]
    return [_line(one) for one in data], data


def _break_even(offer: Multipliers, rates: Price, prefix: int, requests: int) -> dict[str, Any]:
    w, r = offer.write, offer.read
    rho = ping_cost(r, prefix, rates.output / rates.input)
    return {
        "lifetime": offer.lifetime,
        "seconds": SECONDS[offer.lifetime],
        "write": w,
        "read": r,
        "hit_rate": break_even_hit_rate(w, r),
        "last_use": break_even_last_use(w, r),
        "reads_to_repay": reads_to_repay(w, r),
        "ping_hazard": least_hazard(w, r, rho),
        "pings_without_information": pings_without_information(w, r, rho),
        "parallel_requests": requests,
        "leader_factor": parallel(requests, w, r).factor,
        "write_dollars": prefix * w * rates.input / 1e6,
        "read_dollars": prefix * r * rates.input / 1e6,
    }


def _line(one: dict[str, Any]) -> dict[str, str]:
    return {
        "lifetime": one["lifetime"],
        "write": f"{one['write']:.3g}x",
        "read": f"{one['read']:.3g}x",
        "hit rate to break even": share(one["hit_rate"]),
        "if used once more": share(one["last_use"]),
        "reads to repay": str(one["reads_to_repay"]),
        "ping if reuse above": share(one["ping_hazard"]),
        "pings, nothing known": str(one["pings_without_information"]),
        f"leader of {one['parallel_requests']}": f"{one['leader_factor']:.1f}x cheaper",
    }


def stored(rates: Price) -> tuple[Facts, dict[str, float] | None]:
    """Of an explicit cache object, where its storage has a price."""
    storage = storage_of(rates)
    if storage is None:
        return (), None
    reads, hours = reads_per_hour(*storage), hours_without_information(*storage)
    text = f"pays above {reads:.2g} reads an hour; with nothing known hold it {span(hours * 3600)}"
    return (("explicit object", text),), {
        "reads_per_hour": reads,
        "hours_without_information": hours,
    }
