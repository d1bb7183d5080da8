"""A worker's KV memory, block by block: where pages are copied to and from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from headstart.integrations.vllm.layout import PageLayout, Views, copy
from headstart.integrations.vllm.probe import arrangements, check_blocks
from headstart.kv.layout import KVLayout

_WORDS = {2: torch.int16, 4: torch.int32}


class BlockMemory:
    """All layers' blocks. Copies of different blocks may run on different threads."""

    def __init__(
        self, layout: KVLayout, tokens: int, layers: Sequence[Any], tensors: Sequence[Any]
    ) -> None:
        """``layers`` are vLLM's attention layers, ``tensors`` their KV; UnknownLayout."""
        parts = arrangements(layers[0], tensors[0], layout, tokens)
        self.pages = PageLayout(layout, tokens, *parts)
        count = tensors[0].shape[0]
        for tensor in tensors:
            check_blocks(tensor, count, self.pages.block_elements)
        self._words = [tensor.view(_WORDS[layout.item_size]) for tensor in tensors]
        self._views: list[Views] | None = None
        if all(tensor.device.type == "cpu" for tensor in tensors):
            self._views = [self._host(words, count) for words in self._words]

    def save(self, block: int, page: Views, layer: int) -> None:
        """Copy one layer of a block into a page."""
        if self._views is not None:
            copy(page, layer, self._views[layer], block)
        else:
            copy(page, layer, self._host(self._words[layer][block].cpu(), 1), 0)

    def load(self, page: Views, block: int) -> None:
        """Copy a page into a block, all layers; it is there on return."""
        for layer, words in enumerate(self._words):
            if self._views is not None:
                copy(self._views[layer], block, page, layer)
                continue
            host = torch.empty(words[block].shape, dtype=words.dtype)
            copy(self._host(host, 1), 0, page, layer)
            words[block].copy_(host)

    def _host(self, words: torch.Tensor, count: int) -> Views:
        return self.pages.blocks(words.numpy().reshape(-1), count)


def in_order(names: Sequence[str], registered: Mapping[str, Any]) -> list[Any]:
    """The registered items by name; ValueError if one is missing."""
    if missing := [name for name in names if name not in registered]:
        raise ValueError(f"no KV was registered for {', '.join(missing)}")
    return [registered[name] for name in names]
