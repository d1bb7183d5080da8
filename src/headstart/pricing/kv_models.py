"""Shapes of some open models, as their published ``config.json`` has them.

Read on 2026-11-23: llama-2-7b, mistral-7b-v0.1, gpt-oss-120b and deepseek-v3 in the defaults
of transformers 5.23.0, smollm2-135m in its GGUF file, llama-3.1-8b, gemma-3-27b and
gpt-oss-20b in copies. llama-3.3-70b and qwen3-32b could not be read again. Active parameters
are the makers' own figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class OpenModel(NamedTuple):
    """What of a configuration decides its KV, and the parameters that a token passes."""

    config: Mapping[str, Any]
    active: float


def _model(active: float, layers: int, heads: int, kv: int, size: int, **more: Any) -> OpenModel:
    config = {
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "head_dim": size,
        **more,
    }
    return OpenModel(MappingProxyType(config), active)


_ALTERNATING = ("sliding_attention", "full_attention")

OPEN_MODELS: Mapping[str, OpenModel] = MappingProxyType(
    {
        "llama-2-7b": _model(6.7e9, 32, 32, 32, 128),
        "llama-3.1-8b": _model(8.0e9, 32, 32, 8, 128),
        "llama-3.3-70b": _model(70.6e9, 80, 64, 8, 128),
        "mistral-7b-v0.1": _model(7.2e9, 32, 32, 8, 128, sliding_window=4096),
        "qwen3-32b": _model(32.8e9, 64, 64, 8, 128),
        "gemma-3-27b": _model(
            27.0e9, 62, 32, 16, 128, sliding_window=1024, sliding_window_pattern=6
        ),
        "gpt-oss-20b": _model(
            3.6e9, 24, 64, 8, 64, sliding_window=128, layer_types=_ALTERNATING * 12
        ),
        "gpt-oss-120b": _model(
            5.1e9, 36, 64, 8, 64, sliding_window=128, layer_types=_ALTERNATING * 18
        ),
        "deepseek-v3": _model(37e9, 61, 128, 128, 64, kv_lora_rank=512, qk_rope_head_dim=64),
        "smollm2-135m": _model(0.135e9, 30, 9, 3, 64),
    }
)
