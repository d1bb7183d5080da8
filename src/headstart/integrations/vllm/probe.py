"""How a vLLM attention kernel arranges KV, found by having it write numbered elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from headstart.integrations.vllm.layout import Arrangement, arrangement
from headstart.kv.layout import KVLayout

_BASE = 256
"""Whole numbers below it are exact in every dtype that KV comes in."""


class UnknownLayout(ValueError):
    """This vLLM keeps KV in a way that can't be turned into pages; the text says why."""


def check_blocks(tensor: Any, blocks: int, elements: int) -> None:
    """UnknownLayout unless a layer's KV is ``blocks`` runs of ``elements``."""
    whole = tensor.dim() > 1 and tensor.shape[0] == blocks and tensor[0].is_contiguous()
    if not whole or tensor[0].numel() != elements:
        raise UnknownLayout(
            f"a layer's KV has shape {tuple(tensor.shape)}; {blocks} blocks first, of "
            f"{elements} elements each, in one piece, are what can be stored"
        )


def arrangements(layer: Any, tensor: Any, layout: KVLayout, tokens: int) -> list[Arrangement]:
    """Of keys and of values, within a block of so many tokens of one attention layer.

    Writes two blocks of its own, none of ``tensor``. UnknownLayout.
    """
    write = getattr(layer.impl, "do_kv_cache_update", None)
    if write is None:
        raise UnknownLayout(f"{type(layer.impl).__name__} does not write KV apart from attending")
    count = tokens * layout.kv_heads * layout.head_dim
    shape = (tokens, layout.kv_heads, layout.head_dim)
    slots = torch.arange(tokens, 2 * tokens, device=tensor.device)
    found = np.zeros(2 * count, np.int64)
    for digit in (2, 1, 0):
        numbers = torch.arange(2 * count) // _BASE**digit % _BASE
        key, value = numbers.to(tensor).view(2, *shape)
        scratch = torch.zeros_like(tensor[:1]).repeat(2, *[1] * (tensor.dim() - 1))
        write(layer, key, value, scratch, slots)
        found = found * _BASE + scratch[1].reshape(-1).double().cpu().numpy().astype(np.int64)
    if not np.array_equal(np.sort(found), np.arange(2 * count)):
        raise UnknownLayout("the kernel changes KV when it stores it")
    places = np.empty(2 * count, np.int64)
    places[found] = np.arange(2 * count)
    try:
        return [arrangement(part.transpose(1, 0, 2)) for part in places.reshape(2, *shape)]
    except ValueError as error:
        raise UnknownLayout(str(error)) from None
