from __future__ import annotations

import pytest

from headstart.pricing import UnknownPrice, price_of
from headstart.pricing.sellers import seller


@pytest.mark.parametrize(
    ("provider", "model", "whose"),
    [
        ("vertex", "gemini-3.8-flash", "google"),
        ("gemini", "gemini-3.8-flash", "google"),
        ("vertex-claude", "claude-opus-5-5", "google"),
        ("azure", "gpt-6.1-sol", "openai"),
        ("azure", "claude-opus-5-5", "anthropic"),
        ("openrouter", "anthropic/claude-opus-5-5", "anthropic"),
        ("openrouter", "openai/gpt-6.1-sol:nitro", "openai"),
        ("openrouter", "moonshotai/kimi-k3", "kimi"),
        ("openrouter", "x-ai/grok-4.7", "xai"),
    ],
)
def test_whose_rows_a_provider_charges_by(provider: str, model: str, whose: str) -> None:
    assert price_of(model, provider=provider).provider == whose


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openrouter", "anthropic/claude-opus-5-5:free"),
        ("openrouter", "nobody/gpt-6.1-sol"),
        ("openrouter", "gpt-6.1-sol"),
        ("vllm", "gpt-6.1-sol"),
        ("sglang", "qwen3.8-max"),
        ("tgi", "mistral-large-4"),
    ],
)
def test_what_has_no_list_price(provider: str, model: str) -> None:
    with pytest.raises(UnknownPrice):
        price_of(model, provider=provider)


def test_others_are_themselves() -> None:
    assert seller("openai", "gpt-5.5") == ("openai", "gpt-5.5")
    assert seller(None, "m") == (None, "m")
