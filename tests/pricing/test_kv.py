"""Bytes of a token, and the five-minute rule."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.pricing import (
    OPEN_MODELS,
    TIERS,
    ConfigError,
    Machine,
    Tier,
    five_minute_rule,
    kv_size,
)

GIB = 2**30
CONTEXT = 128 * 1024
HBM, DRAM, NVME, S3 = TIERS


@pytest.mark.parametrize(
    ("model", "kind", "token_bytes"),
    [
        ("llama-2-7b", "MHA", 524_288),
        ("llama-3.1-8b", "GQA", 131_072),
        ("llama-3.3-70b", "GQA", 327_680),
        ("qwen3-32b", "GQA", 262_144),
        ("deepseek-v3", "MLA", 70_272),
        ("smollm2-135m", "GQA", 23_040),
    ],
)
def test_bytes_a_token(model: str, kind: str, token_bytes: int) -> None:
    size = kv_size(OPEN_MODELS[model].config)
    assert (size.kind, size.full, size.windowed) == (kind, token_bytes, 0)
    assert size.bytes(1_000) == 1_000 * token_bytes


def test_the_published_example_of_latent_attention() -> None:
    """213 GB against 7.6 GB for 128k tokens, 28 times; the keys' rotary part left out."""
    heads = {"num_hidden_layers": 61, "num_attention_heads": 56, "head_dim": 128}
    latent = {"num_hidden_layers": 61, "kv_lora_rank": 512, "qk_rope_head_dim": 64}
    standard = kv_size(heads).bytes(CONTEXT)
    compressed = kv_size(latent).bytes(CONTEXT) * 512 / 576
    assert standard / GIB == pytest.approx(213, abs=1)
    assert compressed / GIB == pytest.approx(7.6, abs=0.05)
    assert standard / compressed == pytest.approx(28, abs=0.05)


def test_windows_bound_what_is_kept() -> None:
    mistral = kv_size(OPEN_MODELS["mistral-7b-v0.1"].config)
    assert mistral.bytes(4_096) == mistral.bytes(1_000_000) == 4_096 * 131_072
    gemma = kv_size(OPEN_MODELS["gemma-3-27b"].config)
    assert gemma.full == 10 * 2 * 16 * 128 * 2
    assert gemma.windowed == 52 * 2 * 16 * 128 * 2
    assert gemma.bytes(100_000) == gemma.full * 100_000 + gemma.windowed * 1_024
    oss = kv_size(OPEN_MODELS["gpt-oss-120b"].config)
    assert (oss.full, oss.windowed, oss.window) == (36_864, 36_864, 128)


def test_forms_of_a_configuration() -> None:
    plain = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32}
    assert kv_size(plain).full == 2 * 4 * 8 * 2 * 2
    assert kv_size({"text_config": plain, "num_hidden_layers": 99}) == kv_size(plain)
    assert kv_size({**plain, "num_key_value_heads": 1}).kind == "MQA"
    assert kv_size(plain, 1).full == kv_size(plain).full / 2
    unused = {**plain, "sliding_window": 100, "use_sliding_window": False}
    assert kv_size(unused).windowed == 0
    mixed = kv_size({**plain, "layer_types": ["linear_attention", "full_attention"]})
    assert mixed.kind.endswith("+ linear")
    assert mixed.full == kv_size(plain).full // 2


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "num_hidden_layers"),
        ({"num_hidden_layers": "2"}, "num_hidden_layers"),
        ({"num_hidden_layers": True}, "num_hidden_layers"),
        ({"num_hidden_layers": 2}, "num_attention_heads"),
        ({"num_hidden_layers": 2, "num_attention_heads": 2}, "hidden_size"),
        ({"num_hidden_layers": 2, "kv_lora_rank": -1}, "kv_lora_rank"),
        (
            {
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "head_dim": 2,
                "layer_types": ["full_attention", "chunked_attention"],
            },
            "layer_types",
        ),
        ({"num_hidden_layers": 2, "kv_lora_rank": 9}, "qk_rope_head_dim"),
    ],
)
def test_a_configuration_that_does_not_say(config: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=f"^{field}: "):
        kv_size(config)


def test_at_the_interval_both_cost_the_same() -> None:
    size, rate, dollars = 131_072, 20_000.0, 3.0
    for tier in TIERS:
        rule = five_minute_rule(size, rate, tier, dollars_per_hour=dollars)
        held = size / 1e9 * tier.dollars_per_gb_hour / 3600 * rule.interval
        loaded = rule.load_seconds / 1000 * dollars / 3600
        computed = rule.compute_seconds / 1000 * dollars / 3600
        assert held + loaded + tier.dollars_per_read / 256 == pytest.approx(computed)


def test_cheaper_tiers_keep_for_longer() -> None:
    rules = [five_minute_rule(131_072, 20_000, tier) for tier in TIERS]
    assert [rule.interval for rule in rules] == sorted(rule.interval for rule in rules)
    latent = five_minute_rule(70_272, 20_000, NVME)
    assert latent.interval > five_minute_rule(524_288, 20_000, NVME).interval


def test_a_tier_that_loads_more_slowly_than_the_gpu_computes() -> None:
    tape = Tier("tape", 0.0001, 1e6)
    assert five_minute_rule(131_072, 20_000, tape).interval == 0
    assert five_minute_rule(1_000, 20_000, Tier("free", 0.0, None)).interval == float("inf")


def test_bad_numbers() -> None:
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            five_minute_rule(wrong, 1, HBM)
    assert Machine().prefill_rate(8e9) == pytest.approx(24_725)
