"""Whose KV a vLLM engine computes: the fingerprints of its ranks' pages."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from headstart.integrations.vllm.options import Options
from headstart.kv.fingerprint import Fingerprint
from headstart.kv.identity import position_settings, weights_digest
from headstart.kv.layout import KVLayout

SHARED_ARCHITECTURES = frozenset({"LlamaForCausalLM"})
"""Their KV was compared with the built-in engine's and is the same; other models' pages are
kept apart from those of that engine."""
_LAYER = re.compile(r"\.(\d+)\.")


class Unsupported(ValueError):
    """This vLLM's KV can't be stored; the text says why."""


def layer_names(groups: Any) -> list[str]:
    """The attention layers, in the model's order."""
    names: list[str] = list(groups[0].layer_names)
    if not all(_LAYER.search(name) for name in names):
        raise Unsupported(f"layers without a number: {names}")
    return sorted(names, key=lambda name: [int(number) for number in _LAYER.findall(name)])


def fingerprints(config: Any, cache: Any, options: Options) -> tuple[Fingerprint, ...]:
    """One a tensor-parallel rank, of vLLM's ``VllmConfig`` and ``KVCacheConfig``.

    Unsupported; OSError if the weights can't be read.
    """
    spec = _spec(config, cache)
    model = config.model_config
    text = model.hf_text_config
    layers = len(layer_names(cache.kv_cache_groups))
    layout = KVLayout(
        layers,
        spec.num_kv_heads,
        spec.head_size,
        str(spec.dtype).removeprefix("torch."),
        (None,) * layers,
    )
    ranks = config.parallel_config.tensor_parallel_size
    made = Fingerprint(
        weights=options.weights or weights_digest(_folder(model)),
        layout=layout,
        rope=position_settings(text),
        numerics=_numerics(model),
        page_tokens=spec.block_size,
        ranks=ranks,
        model=str(model.served_model_name or model.model),
    )
    return tuple(replace(made, rank=rank) for rank in range(ranks))


def _spec(config: Any, cache: Any) -> Any:
    parallel = config.parallel_config
    if parallel.pipeline_parallel_size > 1 or parallel.decode_context_parallel_size > 1:
        raise Unsupported("pipeline and context parallelism: only tensor parallelism is known")
    if len(cache.kv_cache_groups) != 1:
        raise Unsupported("layers with different KV (hybrid models)")
    spec = cache.kv_cache_groups[0].kv_cache_spec
    kind = type(spec).__name__
    # By name: a subclass keeps other things in its blocks.
    if kind != "FullAttentionSpec" or spec.head_size_v != spec.head_size:
        raise Unsupported(f"KV of kind {kind}: only full attention is known")
    if config.cache_config.cache_dtype not in ("auto", str(spec.dtype).removeprefix("torch.")):
        raise Unsupported(f"quantised KV ({config.cache_config.cache_dtype})")
    return spec


def _numerics(model: Any) -> str:
    """What sets these pages apart from the built-in engine's; "" if nothing does."""
    architecture = model.architecture
    if model.quantization:
        return f"vllm {architecture} {model.quantization}"
    return "" if architecture in SHARED_ARCHITECTURES else f"vllm {architecture}"


def _folder(model: Any) -> Path:
    folder = Path(model.model)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        folder = Path(
            snapshot_download(model.model, revision=model.revision, local_files_only=True)
        )
    return folder
