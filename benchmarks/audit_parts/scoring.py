"""An audit's culprits against the defects that were planted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.audit.findings import Culprit

WITHIN = 0.02
"""Relative error of lost tokens that still counts as right."""
NOISE = 0.005
"""Of the log's input: an accusation of less is no accusation of a clean log's app."""
LEAST = 2000
"""Tokens: an accusation of more is one however long the log."""
RATE_WITHIN = 0.02
"""Difference of token hit rates, 0 to 1, that still counts as right."""
PLACELESS = frozenset(
    ("expired", "lookback_exceeded", "below_minimum", "model_changed", "no_breakpoint")
)


@dataclass(frozen=True, slots=True)
class Score:
    """What one log's audit got right; all true: the log counts as named."""

    log: str
    kind: bool
    place: bool
    lost: bool
    innocent: bool
    """Nothing else was accused."""
    rate: bool
    """The token hit rate is that of the log's usage."""
    why: str = ""

    @property
    def named(self) -> bool:
        """Kind, place and lost tokens of every defect, and nobody else accused."""
        return self.kind and self.place and self.lost and self.innocent


def score(truth: Mapping[str, Any], culprits: Sequence[Culprit], hit_rate: float) -> Score:
    """``truth``: one line of ``truth.jsonl``. A culprit can stand for one defect only."""
    free = [one for one in culprits if one.lost > NOISE * truth["input"] or one.lost > LEAST]
    kind = place = lost = True
    why = []
    for defect in truth["defects"]:
        same = [one for one in free if _same_kind(one, defect)]
        if not same:
            kind = place = lost = False
            why.append(f"{defect['plant']}: not named")
            continue
        best = min(same, key=lambda one: (not _placed(one, defect), _off(one, defect)))
        free.remove(best)
        if not _placed(best, defect):
            place = False
            why.append(f"{defect['plant']}: placed at {best.section} {best.segment} {best.where}")
        if _off(best, defect) > WITHIN:
            lost = False
            why.append(f"{defect['plant']}: {best.lost} lost, not {defect['lost']}")
    why += [f"accused: {one.cause} {one.where} {one.lost}" for one in free]
    rate = abs(hit_rate - truth["read"] / truth["input"]) <= RATE_WITHIN
    return Score(truth["log"], kind, place, lost, not free, rate, "; ".join(why))


def _same_kind(culprit: Culprit, defect: Mapping[str, Any]) -> bool:
    clock = {"timestamp", "time", "date"}
    both = {culprit.cause, defect["cause"]}
    return len(both) == 1 or both <= clock


def _placed(culprit: Culprit, defect: Mapping[str, Any]) -> bool:
    if defect["cause"] in PLACELESS:
        return True
    if culprit.section != defect["section"]:
        return False
    if defect["segment"] is None:
        return True
    if culprit.segment != defect["segment"]:
        return False
    if defect["start"] is None:
        return True
    return culprit.a is not None and defect["start"] - 1 <= culprit.a.offset <= defect["end"]


def _off(culprit: Culprit, defect: Mapping[str, Any]) -> float:
    return abs(culprit.lost - defect["lost"]) / max(1, defect["lost"])
