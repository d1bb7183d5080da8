"""What a request's tokens count as, by what is read and what is written."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.prompt import Chain, Mark
from headstart.providers.rules import Lifetime, Rules
from headstart.usage import Usage


class Bill:
    """Tokens up to the entry that is read are read; from there to the last breakpoint they
    are written, each under the longest TTL of the breakpoints at or after it; the rest is
    fresh. (Anthropic's A, B and C; any number of TTLs.)"""

    def __init__(self, rules: Rules) -> None:
        """ValueError for rules without a lifetime."""
        if not rules.lifetimes:
            raise ValueError(f"{rules.provider} {rules.family}: no lifetime")
        self._lifetimes = rules.lifetimes
        self._by_ttl: dict[float, Lifetime] = {life.seconds: life for life in rules.lifetimes}

    def lifetime(self, ttl: float) -> Lifetime:
        """What a marker's TTL gets: the longest lifetime that does not exceed it, else the
        shortest one."""
        found = self._by_ttl.get(ttl)
        if found is not None:
            return found
        ordered = sorted(self._lifetimes, key=lambda life: life.seconds)
        return max((life for life in ordered if life.seconds <= ttl), default=ordered[0])

    def usage(self, chain: Chain, read: int, writes: Sequence[Mark]) -> Usage:
        """``writes``: the breakpoints past what is read that are long enough, in order."""
        total = chain.tokens
        if not writes:
            return Usage(total - read, read)
        ends = chain.ends
        ttls = {mark.ttl for mark in writes}
        if len(ttls) == 1:
            # The ordinary case, and on every request's way.
            written = ends[writes[-1].segment] - read
            return _usage(total, read, {self.lifetime(ttls.pop()).bucket: written})
        return _usage(total, read, self._written(ends, read, writes))

    def _written(
        self, ends: Sequence[int], read: int, writes: Sequence[Mark]
    ) -> dict[str | None, int]:
        tops: dict[Lifetime, int] = {}
        for segment, ttl in writes:
            tops[self.lifetime(ttl)] = ends[segment]
        written: dict[str | None, int] = {}
        for life in sorted(tops, key=lambda life: life.seconds, reverse=True):
            if tops[life] > read:
                written[life.bucket] = written.get(life.bucket, 0) + tops[life] - read
                read = tops[life]
        return written


def _usage(total: int, read: int, written: dict[str | None, int]) -> Usage:
    """Writes that no bucket counts are fresh input."""
    by = {name: tokens for name, tokens in written.items() if name is not None}
    return Usage(total - read - sum(by.values()), read, **by)
