"""What one token's KV looks like, and which KV may stand in for which.

A token's KV is ``layers x {K, V} x kv_heads x head_dim`` elements, C order, so that the KV
of one token is one run of bytes: a page is written to and read from any tier in one piece,
whatever the attention kernel wants it to look like.
"""

from __future__ import annotations

from dataclasses import dataclass

ITEM_SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, slots=True)
class KVLayout:
    """Shape of the KV of one model, the same in every tier and engine."""

    layers: int
    kv_heads: int
    head_dim: int
    dtype: str
    """"float32", "bfloat16" or "float16"."""
    windows: tuple[int | None, ...]
    """One entry a layer: None for full attention, else its sliding window in tokens."""

    def __post_init__(self) -> None:
        if self.dtype not in ITEM_SIZES:
            raise ValueError(f"KV dtype {self.dtype!r} is not one of {sorted(ITEM_SIZES)}")
        if len(self.windows) != self.layers:
            raise ValueError(f"{len(self.windows)} windows given for {self.layers} layers")

    @property
    def item_size(self) -> int:
        """Bytes of one element."""
        return ITEM_SIZES[self.dtype]

    @property
    def token_bytes(self) -> int:
        """Bytes of one token's KV over all layers."""
        return self.layers * 2 * self.kv_heads * self.head_dim * self.item_size
