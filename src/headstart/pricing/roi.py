"""What caching is worth to a workload that is described in a few numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

from headstart.pricing.breakeven import SECONDS, Lifetime, multipliers
from headstart.pricing.cost import cost, cost_without_cache
from headstart.pricing.gaps import exponential
from headstart.pricing.prices import Price
from headstart.usage import Usage

Varied = Literal["prefix", "suffix", "output", "calls_per_day", "prefixes", "busy_hours"]
VARIED: tuple[Varied, ...] = get_args(Varied)
_WHOLE = ("prefix", "suffix", "output", "prefixes")
_BUCKETS: dict[Lifetime, str] = {
    "automatic": "fresh",
    "5m": "write_5m",
    "30m": "write_30m",
    "1h": "write_1h",
    "12h": "write_12h",
}


@dataclass(frozen=True, slots=True)
class Workload:
    """Calls come independently of each other, evenly over the busy hours."""

    prefix: int
    """Tokens that calls with the same prefix share."""
    suffix: int
    """Tokens of input after it."""
    output: int
    calls_per_day: float
    prefixes: int = 1
    """Different prefixes (users, documents, versions) that the calls are spread over."""
    busy_hours: float = 24.0

    def __post_init__(self) -> None:
        if self.prefix < 1 or self.prefixes < 1 or min(self.suffix, self.output) < 0:
            raise ValueError(f"token counts and prefixes must be positive: {self}")
        if not (self.calls_per_day > 0 and 0 < self.busy_hours <= 24):
            raise ValueError(f"calls a day above 0, busy hours up to 24: {self}")

    def hit(self, seconds: float) -> float:
        """Share of calls that find their prefix, if it lasts so long after its last use."""
        gap = self.busy_hours * 3600 * self.prefixes / self.calls_per_day
        return exponential(gap)(seconds)


class Preset(NamedTuple):
    """A published use case: its range of prefixes and the reductions claimed for it. The
    other numbers of its workload are defaults of ours."""

    about: str
    workload: Workload
    cost_reduction: tuple[float, float]
    ttft_reduction: tuple[float, float]


PRESETS = MappingProxyType(
    {
        "rag": Preset(
            "fixed documents, 20,000 to 50,000 tokens",
            Workload(35_000, 500, 400, 5_000, prefixes=10),
            (0.70, 0.85),
            (0.60, 0.80),
        ),
        "agent": Preset(
            "many tools, 10,000 to 30,000 tokens",
            Workload(20_000, 2_000, 400, 20_000, prefixes=20),
            (0.50, 0.75),
            (0.50, 0.70),
        ),
        "chat": Preset(
            "multi-turn chat, 5,000 to 15,000 tokens",
            Workload(10_000, 1_000, 800, 20_000, prefixes=50),
            (0.40, 0.60),
            (0.40, 0.60),
        ),
        "code": Preset(
            "code assistant, 30,000 to 100,000 tokens",
            Workload(65_000, 1_000, 600, 10_000, prefixes=20),
            (0.80, 0.90),
            (0.70, 0.85),
        ),
    }
)


class Roi(NamedTuple):
    """One lifetime's day, in USD."""

    lifetime: Lifetime | None
    """None: nothing is cached."""
    hit: float
    cost: float
    uncached: float

    @property
    def saving(self) -> float:
        """USD a day; negative where caching loses."""
        return self.uncached - self.cost

    @property
    def saved_share(self) -> float:
        """Of the uncached cost."""
        return self.saving / self.uncached if self.uncached else 0.0

    def days_to_repay(self, investment: float) -> float | None:
        """Days of this saving that an investment takes; None if it saves nothing."""
        return investment / self.saving if self.saving > 0 else None


def roi(workload: Workload, price: Price) -> tuple[Roi, ...]:
    """Not caching, and each lifetime that the model has, the cheapest first."""
    calls, rest = workload.calls_per_day, workload.suffix
    whole = Usage(fresh=workload.prefix + rest, output=workload.output)
    uncached = calls * cost_without_cache(whole, price)
    found = [Roi(None, 0.0, uncached, uncached)]
    for offer in multipliers(price):
        hit = workload.hit(SECONDS[offer.lifetime])
        read = Usage(fresh=rest, read=workload.prefix, output=workload.output)
        write = Usage(fresh=rest, output=workload.output) + Usage(
            **{_BUCKETS[offer.lifetime]: workload.prefix}
        )
        each = hit * cost(read, price) + (1 - hit) * cost(write, price)
        found.append(Roi(offer.lifetime, hit, calls * each, uncached))
    return tuple(sorted(found, key=lambda one: one.cost))


def sensitivity(
    workload: Workload,
    price: Callable[[int], Price],
    varied: Varied,
    values: Sequence[float],
) -> tuple[tuple[float, tuple[Roi, ...]], ...]:
    """``roi`` with one number of the workload varied; ``price`` gives the rates of a request
    of so many input tokens. ValueError for values that no workload has."""
    found = []
    for value in values:
        changed: dict[str, Any] = {varied: round(value) if varied in _WHOLE else value}
        one = replace(workload, **changed)
        found.append((value, roi(one, price(one.prefix + one.suffix))))
    return tuple(found)
