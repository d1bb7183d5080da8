"""What one simulation finds, and its form as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np

from headstart.prefix.belady import belady, foresee
from headstart.prefix.curve import HitCurve, hit_curve
from headstart.prefix.named import policy_named
from headstart.prefix.simulate import replay
from headstart.prefix.workload import Workload

POINTS = 400


class Point(NamedTuple):
    """``rate`` is the token hit rate of one policy (or of ``min``, the bound) at a capacity in
    blocks; ``share`` is the capacity's share of the footprint."""

    policy: str
    capacity: int
    share: float
    rate: float


class Line(NamedTuple):
    """Exact token hit rates of LRU along capacities (blocks) or lifetimes (seconds); ``fixed``
    is the other one."""

    fixed: float
    along: list[float]
    rates: list[float]


@dataclass(frozen=True)
class Outcome:
    """All that is shown, plotted and written."""

    workload: Workload
    points: list[Point]
    by_capacity: list[Line]
    by_ttl: list[Line]
    problems: list[str]

    def as_json(self) -> dict[str, object]:
        """Plain values. A lifetime without end is null."""
        workload = self.workload
        return {
            "trace": workload.name,
            "calls": len(workload.calls),
            "prompt_tokens": workload.tokens,
            "block_tokens": workload.block_tokens,
            "blocks": workload.touches,
            "footprint_blocks": workload.footprint,
            "seconds": workload.calls[-1].time - workload.calls[0].time,
            "policies": [
                {
                    "policy": point.policy,
                    "capacity_blocks": point.capacity,
                    "share_of_footprint": point.share,
                    "token_hit_rate": point.rate,
                }
                for point in self.points
            ],
            "lru_by_capacity": [
                {
                    "ttl_seconds": None if line.fixed == inf else line.fixed,
                    "capacity_blocks": line.along,
                    "token_hit_rate": line.rates,
                }
                for line in self.by_capacity
            ],
            "lru_by_ttl": [
                {
                    "capacity_blocks": line.fixed,
                    "ttl_seconds": line.along,
                    "token_hit_rate": line.rates,
                }
                for line in self.by_ttl
            ],
            "left_out": self.problems,
        }


def find_out(
    workload: Workload,
    policies: Sequence[str],
    capacities: Sequence[int],
    ttls: Sequence[float],
    problems: Sequence[str],
    advance: Callable[[], None],
) -> Outcome:
    """Simulate. ``advance`` is called after every call of every replay."""
    curve = hit_curve(workload)
    future = foresee(workload)
    points: list[Point] = []
    for capacity in capacities:
        hits = dict.fromkeys(policies, 0)
        for name in policies:
            for step in replay(workload, policy_named(name), capacity):
                hits[name] += step.hit
                advance()
        hits["min"] = belady(future, capacity)
        share = capacity / max(1, workload.footprint)
        points.extend(Point(n, capacity, share, workload.rate(h)) for n, h in hits.items())
    return Outcome(
        workload,
        points,
        [_along_capacity(workload, curve, ttl) for ttl in ttls],
        [_along_ttl(workload, curve, capacity) for capacity in capacities],
        list(problems),
    )


def _along_capacity(workload: Workload, curve: HitCurve, ttl: float) -> Line:
    hits = curve.by_capacity(ttl)
    picked = np.unique(np.geomspace(1, max(1, workload.footprint), POINTS).astype(int))
    rates = [workload.rate(float(hits[capacity])) for capacity in picked]
    return Line(ttl, [float(capacity) for capacity in picked], rates)


def _along_ttl(workload: Workload, curve: HitCurve, capacity: int) -> Line:
    ttls, hits = curve.by_ttl(capacity)
    picked = np.unique(np.linspace(0, max(0, len(ttls) - 1), min(POINTS, len(ttls))).astype(int))
    rates = [workload.rate(float(hits[index])) for index in picked]
    return Line(capacity, [float(ttls[index]) for index in picked], rates)
