"""What KV a model keeps, found by watching it, and whether reusing that KV is right.

Configurations name things differently in every family; a model's calls to its attention
function do not. The check at the end compares our attention with the model's own, so that a
model that does something else with its attention is refused and not served wrong.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from headstart.engine import attention
from headstart.engine.attention import Span
from headstart.engine.contract import UnsupportedModel
from headstart.engine.lanes import Lane
from headstart.kv import KVLayout

_NAME = "headstart-probe"
_TOKENS = 12
_SPLIT = 5
_MIN_AGREEMENT = 0.99
_LAYER_KINDS = {"full_attention", "sliding_attention"}
_LENGTH_DEPENDENT_ROPE = {"dynamic", "longrope"}
_STATE_SPACE = ("mamba", "ssm", "rwkv", "recurrent", "linear_attn", "jamba", "hymba", "bamba")


def refuse_unsupported(config: Any) -> None:
    """UnsupportedModel, by name, for what keeps no plain KV per token."""
    kind = config.model_type
    text = config.get_text_config()
    if getattr(config, "is_encoder_decoder", False):
        raise UnsupportedModel(f"{kind} is an encoder-decoder model; decoder-only is needed")
    if getattr(text, "kv_lora_rank", None):
        raise UnsupportedModel(f"{kind} uses multi-head latent attention (MLA)")
    named = [s for s in _STATE_SPACE if s in kind or any(s in key for key in text.to_dict())]
    if named:
        raise UnsupportedModel(f"{kind} is a state-space or hybrid model ({named[0]})")
    odd = set(getattr(text, "layer_types", None) or ()) - _LAYER_KINDS
    if odd:
        raise UnsupportedModel(f"{kind} has layers of kind {', '.join(sorted(odd))}")
    for cap in ("attn_logit_softcapping", "attention_sinks"):
        if getattr(text, cap, None):
            raise UnsupportedModel(f"{kind} sets {cap}")
    rope = getattr(text, "rope_parameters", None) or {}
    kinds = {str(p.get("rope_type")) for p in (rope, *rope.values()) if isinstance(p, dict)}
    if kinds & _LENGTH_DEPENDENT_ROPE:
        raise UnsupportedModel(
            f"{kind} scales positions with the prompt's length "
            f"(rope type {', '.join(sorted(kinds & _LENGTH_DEPENDENT_ROPE))}), "
            "so its KV depends on what follows"
        )


@torch.inference_mode()
def probe(model: nn.Module, config: Any, dtype: str, device: torch.device) -> KVLayout:
    """Switch the model to our attention; its KV layout. UnsupportedModel if it can't be."""
    kind = config.model_type
    text = config.get_text_config()
    tokens = torch.tensor([[(7919 * i) % text.vocab_size for i in range(1, _TOKENS + 1)]])
    tokens = tokens.to(device)
    expected = model(input_ids=tokens, use_cache=False).logits[0]
    layout = _layout(_watch(model, tokens, kind), text.num_hidden_layers, dtype, kind)
    # torch types every attribute of a module that it does not know as tensor or module.
    model.set_attn_implementation(attention.NAME)  # type: ignore[operator]
    lane = Lane(layout, _TOKENS, device)
    for start, stop in ((0, _SPLIT), (_SPLIT, _TOKENS)):
        seen = model(
            input_ids=tokens[:, start:stop],
            position_ids=torch.arange(start, stop, device=device)[None],
            use_cache=False,
            spans=[Span(lane, start, stop - start)],
        ).logits[0]
    agreement = torch.cosine_similarity(seen.float(), expected[_SPLIT:].float(), dim=-1).min()
    if not float(agreement) > _MIN_AGREEMENT:
        raise UnsupportedModel(
            f"{kind}: reused KV does not give the model's own logits "
            f"(cosine similarity {float(agreement):.3f})"
        )
    return layout


def _watch(model: nn.Module, tokens: Tensor, kind: str) -> dict[int, tuple[int, ...]]:
    """Per layer: KV heads, key dim, value dim, window (0 for none)."""
    from transformers import AttentionInterface

    calls: dict[int, tuple[int, ...]] = {}

    def record(
        module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: None, **kwargs: Any
    ) -> tuple[Tensor, None]:
        layer: int = module.layer_idx  # type: ignore[assignment]
        odd = [name for name in ("softcap", "s_aux") if kwargs.get(name) is not None]
        if odd:
            raise UnsupportedModel(f"{kind}: attention with {odd[0]}")
        window = kwargs.get("sliding_window") or 0
        calls[layer] = (key.shape[1], key.shape[3], value.shape[3], window)
        heads, count = query.shape[1:3]
        return query.new_zeros(1, count, heads, value.shape[3]), None

    AttentionInterface.register(_NAME, record)
    try:
        model.set_attn_implementation(_NAME)  # type: ignore[operator]
        positions = torch.arange(tokens.shape[1], device=tokens.device)[None]
        model(input_ids=tokens, position_ids=positions, use_cache=False)
    except (AttributeError, ValueError) as error:
        raise UnsupportedModel(f"{kind} takes no attention function: {error}") from error
    return calls


def _layout(calls: dict[int, tuple[int, ...]], layers: int, dtype: str, kind: str) -> KVLayout:
    silent = sorted(set(range(layers)) - set(calls))
    if silent:
        raise UnsupportedModel(f"{kind}: layers {silent[:4]} keep no attention KV")
    shapes = {shape[:3] for shape in calls.values()}
    if len(shapes) > 1:
        raise UnsupportedModel(f"{kind}: KV shapes differ between layers: {sorted(shapes)[:3]}")
    heads, key_dim, value_dim = shapes.pop()
    if key_dim != value_dim:
        raise UnsupportedModel(f"{kind}: keys have {key_dim} dimensions, values {value_dim}")
    windows = tuple(calls[layer][3] or None for layer in range(layers))
    return KVLayout(layers, heads, key_dim, dtype, windows)
