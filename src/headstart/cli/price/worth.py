"""The numbers behind ``price roi``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from headstart.cli.failures import fail
from headstart.cli.price.curves import Curve, values_around
from headstart.cli.price.tables import Facts, usd
from headstart.pricing import PRESETS, VARIED, Price, Roi, Varied, Workload, roi, sensitivity


class Worth(NamedTuple):
    """What ``price roi`` shows."""

    about: Facts
    lines: list[dict[str, str]]
    varied: Varied
    curve: Curve
    data: dict[str, Any]


def described(preset: str, given: Mapping[str, float | None]) -> tuple[Workload, Facts]:
    """A preset's workload with the numbers that were given in their places."""
    if preset not in PRESETS:
        raise fail(f"--preset {preset}: unknown (known: {', '.join(PRESETS)})")
    chosen = PRESETS[preset]
    changed = {name: value for name, value in given.items() if value is not None}
    try:
        # Names and types are those of the options, which mypy cannot see in a mapping.
        workload = replace(chosen.workload, **changed)  # type: ignore[arg-type]
    except ValueError as error:
        raise fail(str(error)) from None
    low, high = chosen.cost_reduction
    about = [
        ("preset", f"{preset}: {chosen.about}"),
        (
            "workload",
            f"{workload.calls_per_day:,.0f} calls a day over {workload.busy_hours:g} hours, "
            f"{workload.prefixes:,} prefixes of {workload.prefix:,} tokens, "
            f"then {workload.suffix:,}; {workload.output:,} of output",
        ),
        ("claimed", f"others report {low:.0%} to {high:.0%} less cost for such a use"),
    ]
    return workload, about


def worth(workload: Workload, price: Callable[[int], Price], vary: str, investment: float) -> Worth:
    """Every lifetime's day, and the best one's along ``vary``."""
    if vary not in VARIED:
        raise fail(f"--vary {vary}: unknown (known: {', '.join(VARIED)})")
    varied: Varied = vary
    rates = price(workload.prefix + workload.suffix)
    found = roi(workload, rates)
    curve = sensitivity(workload, price, varied, values_around(getattr(workload, vary), varied))
    best = found[0]
    about = [("model", f"{rates.model} ({rates.provider}; {rates.source}, {rates.as_of})")]
    days = best.days_to_repay(investment)
    if investment:
        repaid = "never repaid" if days is None else f"repaid in {days:,.1f} days"
        about.append(("investment", f"${usd(investment)}, {repaid}"))
    data = {
        "workload": asdict(workload),
        "model": rates.model,
        "provider": rates.provider,
        "lifetimes": [_numbers(one) for one in found],
        "days_to_repay": days if investment else None,
        "varied": varied,
        "curve": [{varied: value, "best": _numbers(along[0])} for value, along in curve],
    }
    return Worth(about, [_line(one) for one in found], varied, curve, data)


def _line(one: Roi) -> dict[str, str]:
    return {
        "lifetime": one.lifetime or "not cached",
        "hit rate": f"{one.hit:.1%}",
        "USD a day": usd(one.cost),
        "saved a day": usd(one.saving),
        "saved": f"{one.saved_share:.1%}",
        "saved in 30 days": usd(30 * one.saving),
    }


def _numbers(one: Roi) -> dict[str, Any]:
    return {**one._asdict(), "saving": one.saving, "saved_share": one.saved_share}
