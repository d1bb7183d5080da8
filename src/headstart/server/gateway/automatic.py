"""What requests would have cost under their provider's automatic mode.

Where directives are optional, all traffic is replayed, as it would have been without any, at
a second emulated cache that nothing else touches. Where a provider caches unasked and nothing
can be marked, the automatic mode is what happened.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from headstart.prompt import Chain, Mark
from headstart.providers import BreakpointEmulator, Emulator, Rules, Trace
from headstart.usage import Usage


class _Pricer(Protocol):
    def cost(self, usage: Usage) -> float | None: ...


class Automatic:
    """One model's traffic in its provider's automatic mode. Not safe across threads."""

    def __init__(self, rules: Rules, pricer: _Pricer, replayed: Emulator | None) -> None:
        """``replayed``: the second cache, where a request may differ from the automatic mode's."""
        self._rules = rules
        self._pricer = pricer
        self._replayed = replayed
        self._fresh = False

    def cost(
        self, chain: Chain, markable: int | None, actual: Usage, now: float, scope: str
    ) -> float | None:
        """USD of a request that was answered and went out at ``now``; None where the provider
        has no automatic mode, or no price is known. ``markable`` is the last segment that
        takes a directive, ``actual`` what was reported: the tokens are these."""
        rules = self._rules
        if chain.controls.resource is not None:
            return None
        if rules.implicit == "none" and rules.unmarked is None:
            return None
        if self._replayed is None:
            return self._pricer.cost(actual)
        self._fresh = True
        usage = _replayed(self._replayed, self._unmarked(chain, markable), now, scope)
        return self._pricer.cost(scaled(usage, actual))

    def trace(self) -> Trace | None:
        """What the request whose cost was asked for last left behind; told once."""
        fresh, self._fresh = self._fresh, False
        if not fresh or not isinstance(self._replayed, BreakpointEmulator):
            return None
        return self._replayed.replayed()

    def observe(self, trace: Trace, now: float) -> None:
        """Another gateway had that request."""
        if self._replayed is not None:
            self._replayed.observe(trace, now)

    def _unmarked(self, chain: Chain, markable: int | None) -> Chain:
        rules = self._rules
        marks: tuple[Mark, ...] = ()
        if rules.implicit == "optional" and markable is not None:
            # What a directive at the top of a request does.
            marks = (Mark(markable, rules.lifetimes[0].seconds),)
        controls = chain.controls
        if controls.mode is not None or controls.ttl is not None:
            controls = replace(controls, mode=None, ttl=None)
        return chain.marked(marks, controls)


def _replayed(emulator: Emulator, chain: Chain, now: float, scope: str) -> Usage:
    if isinstance(emulator, BreakpointEmulator):
        return emulator.replay(chain, now, scope=scope)
    ticket = emulator.begin(chain, now, scope=scope)
    ticket.first_byte(now)
    return ticket.lookup.usage


def scaled(usage: Usage, actual: Usage) -> Usage:
    """The shares of ``usage`` on the tokens that a provider counted."""
    if usage.input in (0, actual.input):
        u = usage
        return Usage(
            u.fresh, u.read, u.write_5m, u.write_1h, u.write_other, actual.output,
            u.write_30m, u.write_12h,
        )  # fmt: skip
    share = actual.input / usage.input
    parts = {
        name: round(getattr(usage, name) * share)
        for name in ("read", "write_5m", "write_30m", "write_1h", "write_12h", "write_other")
    }
    fresh = max(0, actual.input - sum(parts.values()))
    return Usage(fresh=fresh, output=actual.output, **parts)
