from __future__ import annotations

from typing import Any

import pytest

from headstart.server.gateway.targets import Targets, speech_of
from headstart.server.upstreams import DEFAULTS, Upstream


def upstream(provider: str, **more: Any) -> Upstream:
    return Upstream(base_url="http://x", provider=provider, **more)


def test_the_first_step_of_a_path_may_name_it() -> None:
    targets = Targets(DEFAULTS)
    found = targets.named("/deepseek/v1/chat/completions")
    assert found is not None
    assert (found.name, found.path) == ("deepseek", "/v1/chat/completions")
    assert targets.named("/deepseek") is None
    assert targets.named("/v1/messages") is None
    assert targets.named("/") is None


def test_azures_paths_begin_with_openai() -> None:
    azure = {"azure": upstream("azure"), "openai": upstream("openai")}
    assert Targets(azure).named("/openai/deployments/d/chat/completions") is None
    assert Targets(azure).named("/openai/v1/responses") is None
    assert Targets(DEFAULTS).named("/openai/v1/responses") is not None


def test_models_choose_among_upstreams_of_one_dialect() -> None:
    found = Targets(
        {
            "mine": upstream("vllm", models=("llama*", "qwen-*")),
            "openai": upstream("openai"),
            "other": upstream("groq"),
        }
    )
    names = {
        model: target.name if (target := found.by_dialect("openai", "/p", model)) else None
        for model in ("llama-4", "qwen-3", "gpt-5", None)
    }
    assert names == {"llama-4": "mine", "qwen-3": "mine", "gpt-5": "openai", None: "openai"}
    assert found.needs_model("openai")
    assert not found.needs_model("anthropic")
    assert found.by_dialect("anthropic", "/p") is None


def test_no_one_is_asked_for_what_he_does_not_have() -> None:
    only = Targets({"mine": upstream("vllm", models=("llama*",))})
    assert only.by_dialect("openai", "/p", "gpt-5") is None


@pytest.mark.parametrize(
    ("headers", "query", "speech"),
    [
        ({b"anthropic-version": b"1"}, b"", "anthropic"),
        ({b"x-goog-api-key": b"k"}, b"", "gemini"),
        ({}, b"key=k", "gemini"),
        ({b"authorization": b"AWS4-HMAC-SHA256 x"}, b"", "bedrock"),
        ({b"api-key": b"k"}, b"", "azure"),
        ({b"authorization": b"Bearer k"}, b"", "openai"),
        ({}, b"", "openai"),
    ],
)
def test_an_unknown_path_goes_by_its_headers(
    headers: dict[bytes, bytes], query: bytes, speech: str
) -> None:
    assert speech_of(headers, query) == speech
