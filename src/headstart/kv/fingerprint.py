"""Which KV may stand in for which: everything that decides the bytes of a page."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property

from headstart.kv.layout import KVLayout

LAYOUT_VERSION = 1
"""Version of the payload's element order ``[token, layer, K|V, kv_head, head_dim]``."""
STORED_PAGE_TOKENS = 128


@dataclass(frozen=True)
class Fingerprint:
    """Two processes may share pages exactly if their fingerprints are equal.

    ``digest`` covers every field except ``model``, which is a label for people.
    """

    weights: str
    """Hex digest of the weights (and of any adapter) as loaded."""
    layout: KVLayout
    chunk: int = 0
    """Prefill chunk in tokens where KV depends on it (exact mode), else 0."""
    rope: str = "{}"
    """Position settings as canonical JSON (sorted keys, no spaces)."""
    numerics: str = ""
    """Engine, library and kernel versions where KV must be bit-for-bit equal, else ""."""
    page_tokens: int = STORED_PAGE_TOKENS
    rank: int = 0
    """Tensor-parallel rank, below ``ranks``; ``layout.kv_heads`` counts this rank's heads."""
    ranks: int = 1
    layout_version: int = LAYOUT_VERSION
    model: str = ""

    def __post_init__(self) -> None:
        if self.page_tokens < 1 or not 0 <= self.rank < self.ranks:
            raise ValueError("page_tokens must be positive and 0 <= rank < ranks")

    @cached_property
    def digest(self) -> bytes:
        """16 bytes: SHA-256 of the canonical JSON of all fields but ``model``."""
        fields = asdict(self)
        del fields["model"]
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(b"headstart fingerprint\0" + text.encode()).digest()[:16]

    @cached_property
    def hex(self) -> str:
        """``digest`` as 32 hex digits."""
        return self.digest.hex()

    @property
    def page_bytes(self) -> int:
        """Bytes of one page's payload."""
        return self.page_tokens * self.layout.token_bytes
