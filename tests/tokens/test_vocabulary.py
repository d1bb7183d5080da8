from __future__ import annotations

import sys

import pytest

from headstart.tokens import vocabulary_of
from headstart.tokens.vocabulary import encoder


@pytest.mark.parametrize(
    ("model", "name", "published"),
    [
        ("gpt-5.6-sol", "o200k_base", True),
        ("gpt-4.1-mini", "o200k_base", True),
        ("gpt-4-turbo", "cl100k_base", True),
        ("gpt-6.1-sol", "o200k_base", False),
        ("o3-mini", "o200k_base", True),
        ("openai/gpt-oss-120b", "gpt-oss", True),
        ("openai.gpt-oss-20b-1:0", "gpt-oss", True),
        ("kimi-k3", "kimi_k3", True),
        ("kimi-k3.1-pro", "kimi_k3", False),
        ("deepseek-v4-pro", "deepseek_v3", False),
        ("Qwen/Qwen3-32B", "qwen3", True),
        ("qwen3.7-max", "qwen3", False),
        ("mistral-large-4", "mistral_v3", False),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama3", True),
    ],
)
def test_models_by_name(model: str, name: str, published: bool) -> None:
    found = vocabulary_of(model)
    assert found is not None
    assert (found.name, found.published) == (name, published)


@pytest.mark.parametrize("model", ["claude-opus-5-5", "gemini-3.8-flash", "grok-4.7", "", "\x00"])
def test_nobody_published_these(model: str) -> None:
    assert vocabulary_of(model) is None


@pytest.mark.parametrize(
    ("name", "tokens"), [("o200k_base", 15), ("cl100k_base", 14), ("qwen3", 0), ("kimi_k3", 0)]
)
def test_encoders_count_marks_as_text(name: str, tokens: int) -> None:
    pytest.importorskip("splintr", reason="splintr-rs is not installed")
    count = encoder(name)
    assert count is not None
    assert count("") == 0
    found = count("Hello wörld, 12345 <|endoftext|>")
    assert found == tokens or (tokens == 0 and found > 8)
    assert count("half a pair: \ud83d") > 3


def test_without_the_package_there_is_no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "splintr", None)
    assert encoder.__wrapped__("o200k_base") is None
