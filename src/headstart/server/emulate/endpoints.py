"""Which path speaks which provider's dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from headstart.dialects import (
    COMPATIBLE,
    AnthropicHosted,
    BedrockConverse,
    BedrockInvoke,
    Gemini,
    Hosted,
    OpenAIChat,
    OpenAIResponses,
)
from headstart.dialects.hosted import Operation

AUTO = "auto"
"""The provider is the one that names its models so."""

SHARED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "anthropic": frozenset(
            ["azure", "bedrock", "deepseek", "kimi", "openrouter", "qwen", "sglang", "vertex"]
        ),
        "openai": frozenset(
            ["azure", "bedrock", "groq", "kimi", "openrouter", "qwen", "vllm", "xai"]
        ),
        "azure": frozenset(COMPATIBLE) | {"openai"},
        "gemini": frozenset({"vertex"}),
        "vertex": frozenset({"anthropic", "gemini"}),
    }
)
"""By the provider of a path, the others that take what is sent there."""

_ANTHROPIC, _GEMINI = AnthropicHosted(), Gemini()
_CHAT, _RESPONSES = OpenAIChat(), OpenAIResponses()
_CONVERSE, _INVOKE = BedrockConverse(), BedrockInvoke()
_VERTEX = "/{version}/projects/{project}/locations/{location}/publishers"
_CLAUDE_ON_VERTEX = "/projects/{project}/locations/{location}/publishers/anthropic/models"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path. ``stream``: by its path, its response is a stream."""

    path: str
    provider: str
    hosted: Hosted
    operation: Operation = "generate"
    stream: bool = False


def endpoints() -> Iterator[Endpoint]:
    """Every path that generates or counts."""
    yield from _messages("anthropic", "")
    yield from _chat(AUTO, "", _CHAT)
    yield Endpoint("/v1/responses", "openai", _RESPONSES)
    yield Endpoint("/openai/v1/responses", "azure", _RESPONSES)
    yield from _chat("azure", "/openai", COMPATIBLE["azure"])
    azure = "/openai/deployments/{model}/chat/completions"
    yield Endpoint(azure, "azure", COMPATIBLE["azure"])
    for version in ("v1", "v1beta", "v1alpha"):
        yield from _generate_content("gemini", f"/{version}/models/{{model}}")
    yield from _generate_content("vertex", f"{_VERTEX}/google/models/{{model}}")
    for path in (_CLAUDE_ON_VERTEX, f"/{{version}}{_CLAUDE_ON_VERTEX}"):
        yield Endpoint(f"{path}/count-tokens:rawPredict", "vertex", _ANTHROPIC, "count")
        yield Endpoint(f"{path}/{{model}}:rawPredict", "vertex", _ANTHROPIC)
        yield Endpoint(f"{path}/{{model}}:streamRawPredict", "vertex", _ANTHROPIC, stream=True)
    yield from _bedrock()
    for name, hosted in COMPATIBLE.items():
        yield from _chat(name, f"/{name}", hosted)


def _messages(provider: str, prefix: str) -> Iterator[Endpoint]:
    yield Endpoint(f"{prefix}/v1/messages", provider, _ANTHROPIC)
    yield Endpoint(f"{prefix}/v1/messages/count_tokens", provider, _ANTHROPIC, "count")


def _chat(provider: str, prefix: str, hosted: Hosted) -> Iterator[Endpoint]:
    yield Endpoint(f"{prefix}/v1/chat/completions", provider, hosted)
    yield Endpoint(f"{prefix}/chat/completions", provider, hosted)


def _generate_content(provider: str, model: str) -> Iterator[Endpoint]:
    yield Endpoint(f"{model}:generateContent", provider, _GEMINI)
    yield Endpoint(f"{model}:streamGenerateContent", provider, _GEMINI, stream=True)
    yield Endpoint(f"{model}:countTokens", provider, _GEMINI, "count")


def _bedrock() -> Iterator[Endpoint]:
    model = "/model/{model:path}"
    yield Endpoint(f"{model}/converse", "bedrock", _CONVERSE)
    yield Endpoint(f"{model}/count-tokens", "bedrock", _CONVERSE, "count")
    yield Endpoint(f"{model}/converse-stream", "bedrock", _CONVERSE, stream=True)
    yield Endpoint(f"{model}/invoke", "bedrock", _INVOKE)
    yield Endpoint(f"{model}/invoke-with-response-stream", "bedrock", _INVOKE, stream=True)
