"""When prefixes are used again, by kind and age, and what that makes holding them worth.

An *episode* begins when a prefix is used. It ends with the next use, or is censored: its end
was not seen. From the episodes of a kind comes its hazard, the chance of a use in each bin
of age (Kaplan-Meier), and from that the Gittins index: the most uses per second of holding
that any stopping time gives, ``max over H of P(use within H) / E[min(time to use, H)]``.

Kinds are combinations of a few small features, most of them rare. What a rare one is
expected to do is the pooled hazard times one ratio per feature and span of ages, fitted in
turn (a log-linear model); its own episodes count the more the more there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import log2
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

FEATURES: Final = (18, 5, 6, 2)
"""How many values each feature has; a kind is their mixed-radix number."""
KINDS: Final = int(np.prod(FEATURES))
BINS: Final = 48
PER_OCTAVE: Final = 2
FIRST_OCTAVE: Final = -4
"""Bin 0 is ages below 1/16 s, the last one those above 6 days, half an octave each."""
SPAN: Final = 6
"""Bins that share a feature's ratio."""
ROUNDS: Final = 5
RATIO_PRIOR: Final = 3.0
KIND_PRIOR: Final = 200.0
"""Expected uses, and episodes, that what is fitted for all weighs against what was seen."""
LARGEST: Final = 0.98
KEPT: Final = 60_000.0
"""Episodes after which the counts are halved, so that what is long past is forgotten."""
Table: TypeAlias = npt.NDArray[np.float64]

_STARTS = np.concatenate(([0.0], 2.0 ** (FIRST_OCTAVE + np.arange(BINS) / PER_OCTAVE)))
_WIDTHS = np.diff(_STARTS)
_SPANS = np.eye(BINS // SPAN)[np.arange(BINS) // SPAN]
_VALUES = np.array(np.unravel_index(np.arange(KINDS), FEATURES))


def kind_of(features: Iterable[int]) -> int:
    """The number of a combination; values beyond a feature's last one count as the last."""
    kind = 0
    for value, size in zip(features, FEATURES, strict=True):
        kind = kind * size + min(value, size - 1)
    return kind


def bin_of(age: float) -> int:
    """The bin of an age in seconds."""
    if age < 2.0**FIRST_OCTAVE:
        return 0
    return min(BINS - 1, 1 + int((log2(age) - FIRST_OCTAVE) * PER_OCTAVE))


def end_of(number: int) -> float:
    """The age in seconds at which a bin ends; the last one never does."""
    return float(_STARTS[number + 1]) if number < BINS - 1 else float("inf")


class Hazards:
    """Counts of episodes, and the indices of all kinds as they were last fitted."""

    def __init__(self) -> None:
        self._used: Table = np.zeros((KINDS, BINS))
        self._lost: Table = np.zeros((KINDS, BINS))
        self._index: dict[int, list[float]] = {}
        self._any = _index(np.full((1, BINS), 0.02))[0].tolist()

    def used(self, kind: int, age: float) -> None:
        """An episode ended with a use."""
        self._used[kind, bin_of(age)] += 1

    def lost(self, kind: int, age: float) -> None:
        """An episode was followed no longer."""
        self._lost[kind, bin_of(age)] += 1

    def value(self, kind: int | None, number: int) -> float:
        """Uses per second of holding, for a kind (None: unknown) in a bin of age."""
        row: list[float] = self._any if kind is None else self._index.get(kind, self._any)
        return row[number]

    def fit(self, running: Iterator[tuple[int, float]]) -> None:
        """Compute the indices anew; ``running`` has the kind and the age of every episode
        that has not ended. A few milliseconds for some hundred kinds."""
        if self._used.sum() + self._lost.sum() > KEPT:
            self._used /= 2
            self._lost /= 2
        lost = self._lost.copy()
        for kind, age in running:
            lost[kind, bin_of(age)] += 1
        seen = np.flatnonzero(self._used.any(axis=1) | lost.any(axis=1))
        used, lost = self._used[seen], lost[seen]
        ended = used + lost
        at_risk = ended[:, ::-1].cumsum(axis=1)[:, ::-1] - lost / 2
        pooled = (used.sum(axis=0) + 0.02) / (at_risk.sum(axis=0) + 1.0)
        expected = _log_linear(used, at_risk, pooled, _VALUES[:, seen])
        hazard = (used + KIND_PRIOR * expected) / (at_risk + KIND_PRIOR)
        self._any = _index(pooled[None, :])[0].tolist()
        self._index = dict(zip(seen.tolist(), _index(hazard).tolist(), strict=True))


def _log_linear(used: Table, at_risk: Table, pooled: Table, values: npt.NDArray[np.int64]) -> Table:
    """Each kind's hazard as the pooled one times a ratio per feature and span of ages."""
    expected = np.tile(pooled, (len(used), 1))
    seen = used @ _SPANS
    for _ in range(ROUNDS):
        for feature, size in zip(values, FEATURES, strict=True):
            group = np.eye(size)[feature]
            due = group.T @ ((at_risk * expected) @ _SPANS)
            ratio = (group.T @ seen + RATIO_PRIOR) / (due + RATIO_PRIOR)
            expected *= (group @ ratio) @ _SPANS.T
    return np.minimum(expected, LARGEST)


def _index(hazard: Table) -> Table:
    """The Gittins index at the start of every bin, row by row."""
    index = np.empty_like(hazard)
    for number in range(BINS):
        ahead = hazard[:, number:]
        alive = np.cumprod(1 - ahead, axis=1) / (1 - ahead)
        uses = np.cumsum(alive * ahead, axis=1)
        seconds = np.cumsum(alive * (1 - ahead / 2) * _WIDTHS[number:], axis=1)
        index[:, number] = (uses / seconds).max(axis=1)
    return index
