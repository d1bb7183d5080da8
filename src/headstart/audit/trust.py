"""The emulator against recorded usage: how far to believe it, and why not further."""

from __future__ import annotations

from collections import Counter
from typing import Final

from headstart.audit.findings import Trust
from headstart.audit.log import Row
from headstart.audit.outcome import Outcome
from headstart.audit.world import World
from headstart.tokens import counter_of

CLOSE: Final = 0.02
"""Of a request's input: read tokens that agree within it count as exact."""
_LARGE: Final = 0.05
_LEAST: Final = 100
"""Tokens; prompts below teach nothing about how a provider counts."""
_FURTHEST: Final = 4.0


def ratios(world: World) -> dict[tuple[str, str], float]:
    """What recorded usage says of the tokens counted here, by provider and model."""
    sums: dict[tuple[str, str], list[int]] = {}
    for row in world.log.rows:
        if row.usage is None or row.failed or row.blocks or not world.known(row):
            continue
        counted = world.counted[row.node]
        actual = row.usage.input
        if counted < _LEAST or not counted / _FURTHEST <= actual <= counted * _FURTHEST:
            continue
        total = sums.setdefault((row.provider, row.model), [0, 0])
        total[0] += counted
        total[1] += actual
    return {
        key: actual / counted
        for key, (counted, actual) in sums.items()
        if abs(actual / counted - 1) > CLOSE / 4
    }


def trust_of(world: World, base: Outcome) -> Trust:
    """Over the requests that have both."""
    rows = [r for r in world.log.rows if r.usage is not None and base.input[r.number]]
    sums = [[0, 0], [0, 0], [0, 0]]
    exact = 0
    less, more = list[Row](), list[Row]()
    for row in rows:
        usage, number = row.usage, row.number
        assert usage is not None
        pairs = (
            (usage.input, base.input[number]),
            (usage.read, base.read[number]),
            (usage.written, base.written[number]),
        )
        for total, (recorded, emulated) in zip(sums, pairs, strict=True):
            total[0] += recorded
            total[1] += emulated
        off = usage.read - base.read[number]
        close = abs(off) <= CLOSE * max(usage.input, 1)
        exact += close
        if not close:
            (less if off < 0 else more).append(row)
    input_, read, written = ((total[0], total[1]) for total in sums)
    why = _why(world, base, rows, less, more) if rows else ()
    return Trust(len(rows), input_, read, written, exact, why)


def _why(
    world: World, base: Outcome, rows: list[Row], less: list[Row], more: list[Row]
) -> tuple[str, ...]:
    said = []
    for (provider, model), ratio in sorted(world.ratios.items()):
        counted = "the model's own vocabulary" if counter_of(provider, model).exact else "estimate"
        said.append(
            f"{model}: tokens counted by {counted}, times {ratio:.3f} as recorded usage says"
        )
    least = _LARGE * len(rows)
    if len(less) > least:
        tokens = sum(base.read[r.number] - (r.usage.read if r.usage else 0) for r in less)
        said.append(
            f"{len(less):,} requests read {tokens:,} tokens less than the rules promise: evicted "
            "early, routed to a machine without them, or shared with traffic that is not here"
        )
        said += _confirmed(less)
    if len(more) > least:
        said.append(
            f"{len(more):,} requests read more than these logs explain: what they read was "
            "written by requests that are not here, or before they begin"
        )
    if any(row.number in world.automatic for row in rows):
        said.append("the logs do not show where breakpoints stood: one at each end is assumed")
    warned = sorted(base.warnings)
    return (*said, *warned[:8])


def _confirmed(rows: list[Row]) -> list[str]:
    counts = Counter(row.confirmed for row in rows if row.confirmed)
    return [
        f"the provider gives {reason} as the reason of {n:,}" for reason, n in counts.most_common(4)
    ]
