from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from headstart.engine import UnsupportedModel, attention, load
from headstart.engine.model import CausalModel
from tests.engine.tiny import SIZES, save_tiny

BY_CONFIG: list[tuple[str, str, dict[str, Any]]] = [
    ("mamba", "state-space", {}),
    ("mamba2", "state-space", {"num_heads": 8, "n_groups": 1}),
    ("rwkv", "state-space", {}),
    ("recurrent_gemma", "state-space or hybrid", {}),
    ("jamba", "hybrid", {}),
    ("bamba", "hybrid", {}),
    ("falcon_h1", "hybrid", {}),
    ("qwen3_next", "linear_attention", {}),
    ("lfm2", "layers of kind conv", {"layer_types": ["conv", "full_attention"]}),
    ("llama4_text", "chunked_attention", {}),
    ("deepseek_v3", "multi-head latent attention", {}),
    ("t5", "encoder-decoder", {}),
    ("gemma2", "attn_logit_softcapping", {}),
    (
        "llama",
        "rope type dynamic",
        {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}},
    ),
]


@pytest.mark.parametrize(("kind", "reason", "changes"), BY_CONFIG)
def test_what_keeps_no_plain_kv_is_refused_by_name(
    kind: str, reason: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    from transformers import AutoConfig

    config = AutoConfig.for_model(kind, **{**SIZES, **changes})
    config.save_pretrained(tmp_path)
    with pytest.raises(UnsupportedModel) as failure:
        load(str(tmp_path))
    assert str(failure.value).startswith(kind)
    assert reason in str(failure.value)
    assert "\n" not in str(failure.value)


BY_WATCHING: list[tuple[str, str, dict[str, Any]]] = [
    ("gpt_oss", "attention with s_aux", {"num_local_experts": 4, "num_experts_per_tok": 2}),
    ("bert", "does not give the model's own logits", {"is_decoder": False}),
    ("stablelm", "does not hand our arguments down", {}),
    ("bloom", "keep no attention KV", {"n_head": 4, "n_layer": 2}),
]


@pytest.mark.parametrize(("kind", "reason", "changes"), BY_WATCHING)
def test_what_its_config_does_not_tell_is_seen(
    kind: str, reason: str, changes: dict[str, Any], builtin_folder: Path, tmp_path: Path
) -> None:
    save_tiny(tmp_path, builtin_folder, kind, **changes)
    with pytest.raises(UnsupportedModel) as failure:
        load(str(tmp_path))
    assert str(failure.value).startswith(kind)
    assert reason in str(failure.value)


@pytest.mark.parametrize(
    ("kind", "changes", "kv_heads"),
    [
        ("llama", {}, 2),
        ("qwen3", {}, 2),
        ("olmo2", {}, 2),
        ("phi3", {}, 2),
        ("gpt_neox", {}, 4),
        ("gpt2", {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256}, 4),
        ("mixtral", {"num_local_experts": 2}, 2),
    ],
)
def test_plain_families_are_served(
    kind: str, changes: dict[str, Any], kv_heads: int, builtin_folder: Path, tmp_path: Path
) -> None:
    folder = save_tiny(tmp_path / "model", builtin_folder, kind, **changes)
    layout = CausalModel(str(folder), "cpu", None).layout
    assert (layout.layers, layout.kv_heads, layout.head_dim) == (2, kv_heads, 16)
    assert layout.windows == (None, None)


def test_a_model_whose_reused_kv_is_wrong_is_refused(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a family did something to its attention that ours does not."""
    honest = attention.attend

    def forgetful(module: Any, query: Tensor, *rest: Any, **kwargs: Any) -> Any:
        out, weights = honest(module, query, *rest, **kwargs)
        return (out * 0 if kwargs["spans"][0].start else out), weights

    monkeypatch.setattr(attention, "attend", forgetful)
    try:
        with pytest.raises(UnsupportedModel, match="does not give the model's own logits"):
            load(str(tiny_folder))
    finally:
        monkeypatch.undo()
        attention.register()
