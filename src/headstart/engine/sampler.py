"""Choosing the next token from logits."""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.engine.contract import Sampling

GREEDY_BELOW = 1e-4
"""Dividing by a smaller temperature may overflow, and all chance is with one token anyway."""


class Sampler:
    """One request's choices. The same seed and logits give the same tokens."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._generator = torch.Generator()
        if sampling.seed is None:
            self._generator.seed()
        else:
            # Any int is a legal seed for a client; torch takes 64 bits.
            self._generator.manual_seed(sampling.seed & (2**63 - 1))

    def choose(self, logits: Tensor) -> int:
        """``logits`` is [vocabulary], any float type, on any device."""
        settings = self._sampling
        if settings.temperature < GREEDY_BELOW or settings.top_k == 1:
            return int(logits.argmax())
        scores = logits.float().cpu() / settings.temperature
        if not settings.top_k and settings.top_p >= 1:
            return self._draw(torch.softmax(scores, -1))
        count = min(settings.top_k or len(scores), len(scores))
        scores, ids = torch.topk(scores, count)
        chances = torch.softmax(scores, -1)
        if settings.top_p < 1:
            # Keep the smallest set that reaches top_p, the token that crosses it included,
            # and the likeliest one even if top_p is 0.
            before = torch.cumsum(chances, -1) - chances
            chances[1:].masked_fill_(before[1:] >= settings.top_p, 0.0)
        return int(ids[self._draw(chances)])

    def _draw(self, chances: Tensor) -> int:
        return int(torch.multinomial(chances, 1, generator=self._generator))
