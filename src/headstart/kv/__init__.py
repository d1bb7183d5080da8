"""KV tensors of token prefixes: their layout, the memory they live in, the cache."""

from headstart.kv.arena import Arena
from headstart.kv.cache import Hit, KVCache, KVStats
from headstart.kv.layout import KVLayout

__all__ = ["Arena", "Hit", "KVCache", "KVLayout", "KVStats"]
