"""Sums over requests, and the rates that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Totals:
    """Tokens and USD of a group of requests. Money leaves out what has no price."""

    requests: int = 0
    """Those of clients: pings count in money alone."""
    failed: int = 0
    """Status 400 and above."""
    estimated: int = 0
    """Their usage was not reported by the provider."""
    fresh: int = 0
    read: int = 0
    written: int = 0
    output: int = 0
    cost: float = 0.0
    unpriced: int = 0
    """Requests without a cost."""
    saved: float = 0.0
    """Less than without caching; negative where caching cost more."""
    uncached: float = 0.0
    """Cost without caching."""
    automatic: float = 0.0
    """Cost under the provider's automatic mode, of those where it is known."""
    saved_automatic: float = 0.0
    """Less than that; negative where the automatic mode is cheaper."""
    lost: int = 0
    """Tokens seen before and not read."""
    lost_cost: float = 0.0
    """What they cost beyond reading them."""
    waited: float = 0.0
    """Seconds spent waiting for another request's prefix."""
    predicted: int = 0
    """Requests that were predicted and whose usage was reported; the sums below are of them."""
    predicted_read: int = 0
    predicted_input: int = 0
    """Input tokens they had in fact."""
    read_error: int = 0
    """Sum of absolute differences between tokens read and expected to be."""
    write_error: int = 0
    cost_error: float = 0.0
    """The same for cost."""
    cost_compared: float = 0.0
    """Actual cost of those that ``cost_error`` is about."""
    pings: int = 0
    """Keep-alive pings."""
    pings_cost: float = 0.0
    """Part of ``cost``."""
    first: float = inf
    """Unix seconds of the first request."""
    last: float = -inf

    def __add__(self, other: Totals) -> Totals:
        values = {n: getattr(self, n) + getattr(other, n) for n in self.__slots__}
        values["first"] = min(self.first, other.first)
        values["last"] = max(self.last, other.last)
        return Totals(**values)

    @property
    def input(self) -> int:
        """All input tokens."""
        return self.fresh + self.read + self.written

    @property
    def hit_rate(self) -> float:
        """Token hit rate: share of the input tokens that were read, 0 to 1."""
        return self.read / self.input if self.input else 0.0

    @property
    def creation_rate(self) -> float:
        """Share of the input tokens that were written to a paid-for entry, 0 to 1."""
        return self.written / self.input if self.input else 0.0

    @property
    def saving(self) -> float:
        """Share of the uncached cost that was saved."""
        return self.saved / self.uncached if self.uncached else 0.0

    @property
    def saving_automatic(self) -> float | None:
        """Share of the automatic mode's cost that was saved; None where it is not known."""
        return self.saved_automatic / self.automatic if self.automatic else None

    @property
    def theoretical(self) -> float:
        """USD that would be saved had every token seen before been read."""
        return self.saved + self.lost_cost

    @property
    def read_error_share(self) -> float | None:
        """Mean absolute error of the predicted tokens read, as a share of the input."""
        return self.read_error / self.predicted_input if self.predicted_input else None

    @property
    def cost_error_share(self) -> float | None:
        """Mean absolute error of the predicted cost, as a share of the cost."""
        return self.cost_error / self.cost_compared if self.cost_compared else None
