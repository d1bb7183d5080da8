"""Attention over lanes, registered with transformers under the name "headstart".

One forward pass carries a flat row of tokens from several requests: each request's span
writes its new KV into its own lane and attends to that lane alone. transformers calls
``attend`` in every layer with queries and keys already projected and rotated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from headstart.engine.lanes import Lane

NAME = "headstart"
_flash_cpu = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


@dataclass(slots=True)
class Span:
    """``count`` consecutive tokens of one request, at positions ``start ...``."""

    lane: Lane
    start: int
    count: int
    _masks: dict[int | None, Tensor] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The first position behind the span."""
        return self.start + self.count

    def first_key(self, window: int | None) -> int:
        """The first position that any token of the span can see."""
        return 0 if window is None else max(0, self.start - window + 1)

    def mask(self, window: int | None, like: Tensor) -> Tensor:
        """Additive mask [count, keys], built once for all layers of a kind.

        A window of w sees the token itself and the w - 1 before it.
        """
        if window not in self._masks:
            queries = torch.arange(self.start, self.end, device=like.device)[:, None]
            keys = torch.arange(self.first_key(window), self.end, device=like.device)[None, :]
            hidden = keys > queries
            if window is not None:
                hidden |= keys <= queries - window
            mask = torch.zeros(hidden.shape, dtype=like.dtype, device=like.device)
            self._masks[window] = mask.masked_fill_(hidden, float("-inf"))
        return self._masks[window]


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    spans: Sequence[Span] = (),
    **_: Any,
) -> tuple[Tensor, None]:
    """``query`` is [1, heads, tokens, dim], ``key`` and ``value`` [1, kv_heads, tokens, dim];
    returns [1, tokens, heads, dim]."""
    if not spans:
        raise ValueError("the model does not hand our arguments down to its attention")
    layer: int = module.layer_idx  # type: ignore[assignment]  # every HF attention has it
    outputs = []
    offset = 0
    for span in spans:
        stop = offset + span.count
        keys, values = span.lane.keys[layer], span.lane.values[layer]
        keys[:, span.start : span.end] = key[0, :, offset:stop]
        values[:, span.start : span.end] = value[0, :, offset:stop]
        rows = query[:, :, offset:stop]
        outputs.append(_attend_span(span, rows, keys, values, scaling, sliding_window))
        offset = stop
    joined = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=2)
    return joined.transpose(1, 2), None


def _attend_span(
    span: Span,
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    scaling: float | None,
    window: int | None,
) -> Tensor:
    first = span.first_key(window)
    keys, values = keys[None, :, first : span.end], values[None, :, first : span.end]
    if span.count == 1:
        groups = _group(query, keys.shape[1])
        return scaled_dot_product_attention(groups, keys, values, scale=scaling).view(query.shape)
    if window is None and span.start == 0:
        return scaled_dot_product_attention(
            query, keys, values, is_causal=True, scale=scaling, enable_gqa=True
        )
    if window is None and query.device.type == "cpu":
        return _attend_in_two(query, keys, values, span.start, scaling)
    mask = span.mask(window, query)
    return scaled_dot_product_attention(
        query, keys, values, attn_mask=mask, scale=scaling, enable_gqa=True
    )


def _attend_in_two(
    query: Tensor, keys: Tensor, values: Tensor, start: int, scaling: float | None
) -> Tensor:
    """The prefix without a mask, the span itself causally, joined by their log-sum-exps.

    A third faster than one call with a mask on a CPU (32 new tokens behind 8,000), since
    the heads of a group share one pass over the prefix. The operator is the one behind
    ``scaled_dot_product_attention`` there; only it returns the log-sum-exp.
    """
    groups = _group(query, keys.shape[1])
    before, before_lse = _flash_cpu(
        groups, keys[:, :, :start], values[:, :, :start], 0.0, False, scale=scaling
    )
    within, within_lse = _flash_cpu(
        query, keys[:, :, start:], values[:, :, start:], 0.0, True, scale=scaling
    )
    share = torch.sigmoid(before_lse.reshape(within_lse.shape) - within_lse).unsqueeze(-1)
    before = before.reshape(query.shape).float()
    return torch.lerp(within.float(), before, share).to(query.dtype)


def _group(query: Tensor, kv_heads: int) -> Tensor:
    """[1, heads, n, dim] -> [1, kv_heads, heads / kv_heads * n, dim]."""
    _, heads, count, dim = query.shape
    return query.reshape(1, kv_heads, heads // kv_heads * count, dim)


def register() -> None:
    """Make the name known to transformers; idempotent."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)
