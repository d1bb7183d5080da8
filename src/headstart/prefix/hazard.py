"""When prefixes are used again: hazards by class and age, and what they make a prefix worth."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from math import frexp, log2

PER_OCTAVE = 2
FIRST = -4
BINS = 48
"""Ages in half octaves from 1/16 of a unit of time: 24 octaves, 0.06 s to 12 days in seconds."""


def bin_of(age: float) -> int:
    """The age bin of a time since last use."""
    if age <= 2.0**FIRST:
        return 0
    return min(BINS - 1, 1 + int((log2(age) - FIRST) * PER_OCTAVE))


def start_of(number: int) -> float:
    """Where an age bin begins."""
    return 0.0 if number == 0 else 2.0 ** (FIRST + (number - 1) / PER_OCTAVE)


EDGES = [start_of(number) for number in range(BINS + 1)]
WIDTHS = [b - a for a, b in zip(EDGES, EDGES[1:])]


class Curve:
    """Episodes of one class: ``ends[b]`` of them ended with a use at an age in bin b, after
    ``lived[b]`` had come to that bin."""

    __slots__ = ("censored", "ends")

    def __init__(self) -> None:
        self.ends = [0.0] * BINS
        self.censored = [0.0] * BINS


class Hazards:
    def __init__(self, prior: float = 8.0) -> None:
        self.prior = prior
        self.curves: dict[Hashable, Curve] = {}

    def curve(self, kind: Hashable) -> Curve:
        curve = self.curves.get(kind)
        if curve is None:
            curve = self.curves[kind] = Curve()
        return curve

    def ended(self, kind: Hashable, age: float, weight: float = 1.0) -> None:
        self.curve(kind).ends[bin_of(age)] += weight

    def censored(self, kind: Hashable, age: float, weight: float = 1.0) -> None:
        self.curve(kind).censored[bin_of(age)] += weight

    def decay(self, factor: float) -> None:
        for curve in self.curves.values():
            curve.ends = [x * factor for x in curve.ends]
            curve.censored = [x * factor for x in curve.censored]

    def values(
        self, still_open: Iterable[tuple[Hashable, float, float]]
    ) -> dict[Hashable, list[float]]:
        opened: dict[Hashable, list[float]] = {}
        for kind, age, weight in still_open:
            row = opened.get(kind)
            if row is None:
                row = opened[kind] = [0.0] * BINS
            row[bin_of(age)] += weight
        nothing = [0.0] * BINS
        ends_all = [0.0] * BINS
        risk_all = [0.0] * BINS
        rows = {}
        for kind in self.curves.keys() | opened.keys():
            curve = self.curves.get(kind) or Curve()
            gone = opened.get(kind, nothing)
            risk = [0.0] * BINS
            left = 0.0
            for b in range(BINS - 1, -1, -1):
                out = curve.censored[b] + gone[b]
                risk[b] = left + curve.ends[b] + out / 2
                left += curve.ends[b] + out
            rows[kind] = (curve.ends, risk)
            for b in range(BINS):
                ends_all[b] += curve.ends[b]
                risk_all[b] += risk[b]
        pooled = [e / (r + 1.0) for e, r in zip(ends_all, risk_all)]
        table: dict[Hashable, list[float]] = {None: index(pooled)}
        k = self.prior
        for kind, (ends, risk) in rows.items():
            table[kind] = index([(e + k * p) / (r + k) for e, r, p in zip(ends, risk, pooled)])
        return table


def index(hazard: list[float]) -> list[float]:
    """The Gittins index at the start of every bin, from the probability of a use in each."""
    alive = 1.0
    xs = [0.0]
    ys = [0.0]
    for h, width in zip(hazard, WIDTHS):
        h = min(h, 0.999999)
        ys.append(ys[-1] + alive * h)
        xs.append(xs[-1] + alive * width * (1 - h / 2))
        alive *= 1 - h
    values = [0.0] * BINS
    hull = [BINS]
    for b in range(BINS - 1, -1, -1):
        # greatest slope from b to any later point: upper hull
        while len(hull) > 1 and (ys[hull[-1]] - ys[b]) * (xs[hull[-2]] - xs[b]) <= (
            ys[hull[-2]] - ys[b]
        ) * (xs[hull[-1]] - xs[b]):
            hull.pop()
        dx = xs[hull[-1]] - xs[b]
        values[b] = (ys[hull[-1]] - ys[b]) / dx if dx > 0 else 0.0
        hull.append(b)
    return values
