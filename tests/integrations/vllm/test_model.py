"""Whose pages a vLLM's are: fingerprints from configurations shaped like vLLM's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headstart.integrations.vllm.model import Unsupported, fingerprints, layer_names
from headstart.integrations.vllm.options import Options

OPTIONS = Options.parse({"disk": "/x:1G"})


class FullAttentionSpec(SimpleNamespace):
    """Looks like vLLM's."""


class SlidingWindowSpec(SimpleNamespace):
    """Looks like vLLM's."""


def configured(folder: Path, **changes: Any) -> tuple[Any, Any]:
    folder.joinpath("model.safetensors").write_bytes(b"weights")
    text = SimpleNamespace(rope_theta=None, rope_parameters={"rope_theta": 10000.0})
    given: dict[str, Any] = {
        "architecture": "LlamaForCausalLM",
        "quantization": None,
        "tensor_parallel_size": 1,
        "pipeline_parallel_size": 1,
        "decode_context_parallel_size": 1,
        "cache_dtype": "auto",
        "spec": FullAttentionSpec,
        "groups": 1,
        "block_size": 128,
        **changes,
    }
    spec = given["spec"](
        block_size=given["block_size"],
        num_kv_heads=2,
        head_size=64,
        head_size_v=64,
        dtype="torch.bfloat16",
    )
    names = [f"model.layers.{i}.self_attn.attn" for i in (10, 2, 0)]
    group = SimpleNamespace(layer_names=names, kv_cache_spec=spec)
    model = SimpleNamespace(
        model=str(folder),
        served_model_name="m",
        revision=None,
        hf_text_config=text,
        architecture=given["architecture"],
        quantization=given["quantization"],
    )
    config = SimpleNamespace(
        model_config=model,
        parallel_config=SimpleNamespace(**given),
        cache_config=SimpleNamespace(cache_dtype=given["cache_dtype"]),
    )
    return config, SimpleNamespace(kv_cache_groups=[group] * given["groups"])


def made(folder: Path, options: Options = OPTIONS, **changes: Any) -> Any:
    return fingerprints(*configured(folder, **changes), options)


def test_a_model_s_layout_and_rank_are_in_its_fingerprint(tmp_path: Path) -> None:
    (one,) = made(tmp_path)
    assert (one.layout.layers, one.layout.kv_heads, one.layout.dtype) == (3, 2, "bfloat16")
    assert (one.page_tokens, one.rank, one.ranks, one.model) == (128, 0, 1, "m")
    ranks = made(tmp_path, tensor_parallel_size=2)
    assert [(f.rank, f.ranks) for f in ranks] == [(0, 2), (1, 2)]
    others = [*ranks, *made(tmp_path, block_size=16)]
    assert len({f.hex for f in [one, *others]}) == 4


def test_only_models_that_were_compared_share_pages_with_the_built_in_engine(
    tmp_path: Path,
) -> None:
    assert made(tmp_path)[0].numerics == ""
    assert made(tmp_path, architecture="Qwen3ForCausalLM")[0].numerics == "vllm Qwen3ForCausalLM"
    assert made(tmp_path, quantization="awq")[0].numerics == "vllm LlamaForCausalLM awq"


def test_weights_may_be_named_rather_than_read(tmp_path: Path) -> None:
    named = made(tmp_path, replace(OPTIONS, weights="rev-7"))
    assert named[0].weights == "rev-7"
    tmp_path.joinpath("model.safetensors").write_bytes(b"other")
    assert made(tmp_path, replace(OPTIONS, weights="rev-7")) == named


def test_layers_are_in_the_model_s_order() -> None:
    group = SimpleNamespace(layer_names=[f"m.layers.{i}.attn" for i in (10, 9, 0)])
    assert layer_names([group]) == [f"m.layers.{i}.attn" for i in (0, 9, 10)]
    with pytest.raises(Unsupported, match="without a number"):
        layer_names([SimpleNamespace(layer_names=["attn"])])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"pipeline_parallel_size": 2}, "only tensor parallelism"),
        ({"decode_context_parallel_size": 2}, "only tensor parallelism"),
        ({"groups": 2}, "hybrid"),
        ({"spec": SlidingWindowSpec}, "only full attention"),
        ({"cache_dtype": "fp8"}, "quantised KV"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path: Path, changes: Any, what: str) -> None:
    with pytest.raises(Unsupported, match=what):
        made(tmp_path, **changes)
