"""What a model's usage teaches about estimates of its tokens."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

HALF_LIFE = 50
"""Requests after which one weighs half."""
MOST_MODELS = 256
LEAST_TOKENS = 100
"""Shorter prompts say more about the frame around a message than about its text."""
FURTHEST = 4.0
"""A usage further off than this factor is not of the same prompt: hidden tools, images."""
_KEEP = 0.5 ** (1 / HALF_LIFE)


@dataclass(slots=True)
class _Seen:
    estimated: float = 0.0
    actual: float = 0.0
    wrong: float = 0.0
    """Sum of |actual - predicted|, each prediction by the ratio before it."""


class Calibration:
    """Actual over estimated tokens by model, recent requests first. Not safe across threads."""

    def __init__(self) -> None:
        self._models: OrderedDict[str, _Seen] = OrderedDict()

    def saw(self, model: str, estimated: float, actual: int) -> None:
        """A prompt's uncalibrated estimate and what the provider reported. Prompts that are
        short, or that can't be the same, teach nothing."""
        if estimated < LEAST_TOKENS or not estimated / FURTHEST <= actual <= estimated * FURTHEST:
            return
        predicted = estimated * self.ratio(model)
        seen = self._models.setdefault(model, _Seen())
        self._models.move_to_end(model)
        if len(self._models) > MOST_MODELS:
            self._models.popitem(last=False)
        seen.estimated = seen.estimated * _KEEP + estimated
        seen.actual = seen.actual * _KEEP + actual
        seen.wrong = seen.wrong * _KEEP + abs(actual - predicted)

    def ratio(self, model: str) -> float:
        """What to multiply an estimate by; 1.0 for a model not seen."""
        seen = self._models.get(model)
        return seen.actual / seen.estimated if seen else 1.0

    def error(self, model: str) -> float | None:
        """Mean relative error of the predictions made so far, the recent ones first and
        weighted by tokens; None for a model not seen."""
        seen = self._models.get(model)
        return seen.wrong / seen.actual if seen else None

    def save(self) -> dict[str, list[float]]:
        """Everything, as JSON can hold it."""
        return {m: [s.estimated, s.actual, s.wrong] for m, s in self._models.items()}

    @classmethod
    def load(cls, saved: Mapping[str, object]) -> Calibration:
        """What ``save`` gave; ValueError, naming the model, for anything else."""
        loaded = cls()
        for model, sums in list(saved.items())[-MOST_MODELS:]:
            loaded._models[model] = _seen(model, sums)
        return loaded


def _seen(model: str, sums: object) -> _Seen:
    if isinstance(sums, list | tuple) and len(sums) == 3:
        numbers = [float(n) for n in sums if isinstance(n, int | float) and 0 <= n < 1e15]
        if len(numbers) == 3 and numbers[0] > 0:
            ratio = numbers[1] / numbers[0]
            if 1 / FURTHEST <= ratio <= FURTHEST:
                return _Seen(*numbers)
    raise ValueError(f"calibration of {model[:256]!r}: not three sums: {str(sums)[:80]}")
