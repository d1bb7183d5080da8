"""From tokens that are held to tokens that a provider reports and bills."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from headstart.prompt import Chain
from headstart.providers.rules import Rules
from headstart.providers.table import minimum_of
from headstart.usage import Usage

_SAID: Final = frozenset({"lifetimes", "settings", "since"})
"""Their values read badly; the rows' notes say what is taken."""


class Steps:
    """One model's minimum, steps, rounding and lifetimes."""

    def __init__(self, rules: Rules, model: str) -> None:
        if min(rules.granularity, rules.report) < 1 or min(rules.hidden, rules.holdback) < 0:
            raise ValueError("granularity and report are at least 1, hidden and holdback 0")
        self._rules = rules
        self.supported = rules.scheme != "none" and bool(rules.lifetimes)
        self.minimum = minimum_of(rules, model)
        self.slack = max(rules.granularity, rules.report)
        """What two counts of one prompt may differ by."""

    def cacheable(self, total: int) -> bool:
        """A prompt of so many tokens takes part in caching."""
        return self.supported and total >= self.minimum

    def readable(self, held: int, total: int, before: int = 0) -> int:
        """Reported tokens of a prompt of ``total``, of which ``held`` are in the cache, and
        ``before`` in a cache object that is read whole."""
        rules = self._rules
        tokens = min(held, total - rules.holdback)
        if tokens < self.minimum:
            return before
        step = (tokens + rules.hidden) // rules.granularity * rules.granularity
        return max(before, (step - rules.hidden) // rules.report * rules.report)

    def lifetime(self, chain: Chain) -> int:
        """Index into ``Rules.lifetimes`` of the one that a request asks for, or of the
        default."""
        asked = chain.controls.ttl
        if chain.controls.retention is not None:
            asked = self._rules.retentions.get(chain.controls.retention, asked)
        offered = [life.seconds for life in self._rules.lifetimes]
        return offered.index(asked) if asked in offered else 0

    def warnings(self, chain: Chain) -> tuple[str, ...]:
        """What a request asks for and is not offered."""
        asked, kept = chain.controls.ttl, chain.controls.retention
        found = []
        if asked is not None and all(asked != life.seconds for life in self._rules.lifetimes):
            found.append(f"a lifetime of {asked:g} s is not offered; the default is taken")
        if kept is not None and kept not in self._rules.retentions:
            found.append(f"retention {kept!r} is not offered; the default is taken")
        return tuple(found)

    def bill(self, chain: Chain, total: int, read: int) -> Usage:
        """Exclusive buckets of a prompt's tokens."""
        if not self.cacheable(total):
            return Usage(fresh=total - read, read=read)
        bucket = self._rules.lifetimes[self.lifetime(chain)].bucket
        if bucket is None:
            return Usage(fresh=total - read, read=read)
        written = max(0, total // self._rules.granularity * self._rules.granularity - read)
        usage = Usage(fresh=total - read - written, read=read)
        return replace(usage, **{bucket: written})


def unknowns(rules: Rules) -> tuple[str, ...]:
    """What the provider does not say, and what is taken for it."""
    return tuple(
        f"{name}: {rules.provider} does not say; taken as {getattr(rules, name)}"
        for name, source in rules.sources.items()
        if source.confidence == "U" and hasattr(rules, name) and name not in _SAID
    )
