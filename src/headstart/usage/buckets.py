"""One request's tokens, each in exactly one bucket.

Providers disagree on what "input tokens" includes (Anthropic: only the uncached rest;
OpenAI: everything), so inside Headstart usage is always these exclusive buckets and each
dialect converts at its edge.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request; all counts >= 0."""

    fresh: int = 0
    """Input processed and not written to any paid-for cache entry."""
    read: int = 0
    """Input whose work was reused from a cache."""
    write_5m: int = 0
    write_1h: int = 0
    write_other: int = 0
    """Input processed and written to a cache entry, by lifetime; ``write_other`` is for the
    lifetimes that have no bucket of their own."""
    output: int = 0
    write_30m: int = 0
    write_12h: int = 0

    def __post_init__(self) -> None:
        # Spelled out: several of these are made for each request.
        if (
            self.fresh < 0
            or self.read < 0
            or self.output < 0
            or self.write_5m < 0
            or self.write_30m < 0
            or self.write_1h < 0
            or self.write_12h < 0
            or self.write_other < 0
        ):
            raise ValueError(f"negative token count: {self}")

    @property
    def written(self) -> int:
        """Input tokens written to a cache entry, whatever its lifetime."""
        return self.write_5m + self.write_30m + self.write_1h + self.write_12h + self.write_other

    @property
    def input(self) -> int:
        """All input tokens: fresh, read and written."""
        return self.fresh + self.read + self.written

    @property
    def hit_rate(self) -> float:
        """Share of the input tokens that were read from a cache, 0 to 1."""
        return self.read / self.input if self.input else 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.fresh + other.fresh,
            self.read + other.read,
            self.write_5m + other.write_5m,
            self.write_1h + other.write_1h,
            self.write_other + other.write_other,
            self.output + other.output,
            self.write_30m + other.write_30m,
            self.write_12h + other.write_12h,
        )
