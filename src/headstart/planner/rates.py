"""A model's prices as a planner takes them: multiples of its plain input's."""

from __future__ import annotations

from headstart.planner.contract import Rates
from headstart.pricing import Pricer
from headstart.providers import Rules
from headstart.usage import Usage


def rates_of(rules: Rules, pricer: Pricer) -> Rates:
    """Prices as multiples of plain input's. Without a price nothing is sold, so that nothing
    is marked whose cost nobody knows."""
    plain = pricer.cost(Usage(fresh=1))
    if not plain:
        return Rates(1.0, (), 1.0)
    read = pricer.cost(Usage(read=1))
    writes = tuple(
        (life.seconds, cost / plain)
        for life in sorted(rules.lifetimes, key=lambda life: life.seconds)
        if life.bucket is not None and (cost := pricer.cost(Usage(**{life.bucket: 1}))) is not None
    )
    output = pricer.cost(Usage(output=1))
    return Rates(plain if read is None else read / plain, writes, (output or plain) / plain, plain)
