"""Bytes of keys and values that a model keeps for each token, by its kinds of attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_FULL = ("full_attention", "global")
_WINDOWED = ("sliding_attention", "local")
_STATE = ("linear_attention", "mamba", "mamba2", "conv", "recurrent")
"""Layers with a state of fixed size, which is not counted."""


class ConfigError(ValueError):
    """A model configuration that does not say what its KV cache is made of."""


class KVSize(NamedTuple):
    """What one sequence keeps."""

    kind: str
    """"MHA", "GQA", "MQA" or "MLA", with "+ sliding window" or "+ linear" where layers differ."""
    full: int
    """Bytes a token in layers that attend to all of it."""
    windowed: int = 0
    """Bytes a token in layers that attend to a window."""
    window: int = 0
    """Tokens in it."""

    def bytes(self, tokens: int) -> int:
        """Bytes of a whole sequence."""
        return self.full * tokens + self.windowed * min(tokens, self.window)


def kv_size(config: Mapping[str, Any], value_bytes: float = 2) -> KVSize:
    """From a model's ``config.json`` in Hugging Face's form (a ``text_config`` counts where
    there is one). ``value_bytes`` is 2 for bf16, 1 for fp8. ConfigError names the field."""
    inner = config.get("text_config")
    if isinstance(inner, Mapping):
        config = inner
    layers = _count(config, "num_hidden_layers")
    latent = config.get("kv_lora_rank")
    if latent is not None:
        held = _count(config, "kv_lora_rank") + _count(config, "qk_rope_head_dim")
        return KVSize("MLA", round(layers * held * value_bytes))
    heads = _count(config, "num_attention_heads")
    kv_heads = _count(config, "num_key_value_heads") if config.get("num_key_value_heads") else heads
    size = _count(config, "head_dim") if config.get("head_dim") else _divided(config, heads)
    each = 2 * kv_heads * size * value_bytes
    full, windowed = _layers(config, layers)
    kind = "MHA" if kv_heads == heads else "MQA" if kv_heads == 1 else "GQA"
    if windowed:
        window = _count(config, "sliding_window")
        kind += " + sliding window"
        return KVSize(kind, round(full * each), round(windowed * each), window)
    return KVSize(kind + (" + linear" if full < layers else ""), round(full * each))


def _layers(config: Mapping[str, Any], layers: int) -> tuple[int, int]:
    """Layers with full and with windowed attention; others keep no keys and values."""
    types = config.get("layer_types")
    if isinstance(types, list | tuple) and types:
        for kind in types:
            if kind not in (*_FULL, *_WINDOWED, *_STATE):
                raise ConfigError(f"layer_types: unknown kind {kind!r:.60}")
        return sum(t in _FULL for t in types), sum(t in _WINDOWED for t in types)
    if not config.get("sliding_window") or config.get("use_sliding_window") is False:
        return layers, 0
    pattern = config.get("sliding_window_pattern")
    if isinstance(pattern, int) and pattern > 1:
        return layers // pattern, layers - layers // pattern
    return 0, layers


def _divided(config: Mapping[str, Any], heads: int) -> int:
    return _count(config, "hidden_size") // heads


def _count(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise ConfigError(f"{key}: must be a positive whole number, not {value!r:.60}")
    return value
