"""Policies that do the same for every request, and the oracle that knows the next use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from benchmarks.replay.calls import Call
from benchmarks.replay.model import LONG, READ, SHORT, WRITES, Store
from headstart.prompt import Mark

Policy = Callable[[Call], Sequence[Mark]]


def never(call: Call) -> Sequence[Mark]:
    """No caching."""
    return ()


def end(ttl: float, system: bool) -> Policy:
    """A breakpoint at the end, as top-level automatic caching sets it; with ``system`` one
    at the end of the system text too."""

    def policy(call: Call) -> Sequence[Mark]:
        return _marks(call, [call.system - 1] if system else [], ttl)

    return policy


def layers(call: Call) -> Sequence[Mark]:
    """opencode's four: last tool, first system block, last system block, rolling tail. The
    traces know one system text: its first block is taken to end with it."""
    return _marks(call, [call.tools - 1, call.system - 1], SHORT)


STATIC: Final[dict[str, Policy]] = {
    "never": never,
    "5m at the end (automatic)": end(SHORT, system=False),
    "5m end + system": end(SHORT, system=True),
    "1h at the end": end(LONG, system=False),
    "1h end + system": end(LONG, system=True),
    "opencode's four layers": layers,
}


def _marks(call: Call, inner: list[int], ttl: float) -> Sequence[Mark]:
    if not call.keys:
        return ()
    last = len(call.keys) - 1
    return [Mark(s, ttl) for s in dict.fromkeys(inner) if 0 <= s < last] + [Mark(last, ttl)]


def cost_of(policy: Policy, calls: Sequence[Call]) -> Iterator[float]:
    """Units of plain input that each call costs in turn."""
    store = Store()
    for call in calls:
        yield store.serve(call, policy(call), call.time).cost


def next_uses(calls: Sequence[Call]) -> list[float | None]:
    """Seconds until the first later call that contains each call's whole prompt."""
    waiting: dict[bytes, list[int]] = {}
    gaps: list[float | None] = [None] * len(calls)
    for number, call in enumerate(calls):
        for key in call.keys:
            for earlier in waiting.pop(key, ()):
                gaps[earlier] = call.time - calls[earlier].time
        if call.keys:
            waiting.setdefault(call.keys[-1], []).append(number)
    return gaps


def oracle(calls: Sequence[Call]) -> Iterator[float]:
    """Writes at the end for nothing, 5 minutes or an hour, knowing each call's next use."""
    store = Store()
    for call, gap in zip(calls, next_uses(calls), strict=True):
        ttl = None
        if gap is not None and gap < LONG and call.keys:
            hit = store.hit(call.keys, call.time)
            fresh = call.covered - (call.end(hit) if hit >= 0 else 0)
            pays = (WRITES[SHORT] - READ) * call.covered > (WRITES[LONG] - WRITES[SHORT]) * fresh
            ttl = SHORT if gap < SHORT else LONG if pays else None
        marks = [Mark(len(call.keys) - 1, ttl)] if ttl else []
        yield store.serve(call, marks, call.time).cost
