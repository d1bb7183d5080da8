"""Whom a request went to: by its URL, or by the name that some log has for a provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from headstart.dialects import COMPATIBLE, Hosted
from headstart.dialects.paths import spoken
from headstart.providers import provider_of_model, providers

_HOSTS: Final[Mapping[str, str]] = {
    "api.anthropic.com": "anthropic",
    "api.openai.com": "openai",
    "generativelanguage.googleapis.com": "gemini",
    "aiplatform.googleapis.com": "vertex",
    "amazonaws.com": "bedrock",
    "azure.com": "azure",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.moonshot.ai": "kimi",
    "api.moonshot.cn": "kimi",
    "api.mistral.ai": "mistral",
    "openrouter.ai": "openrouter",
    "aliyuncs.com": "qwen",
    "api.x.ai": "xai",
}
"""By the end of the host's name."""
_ALIASES: Final[Mapping[str, str]] = {
    "aws_bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "aws": "bedrock",
    "az_ai_openai": "azure",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "azure_ai_openai": "azure",
    "azure_ai_inference": "azure",
    "dashscope": "qwen",
    "gcp_gemini": "gemini",
    "gcp_gen_ai": "gemini",
    "gcp_vertex_ai": "vertex",
    "google": "gemini",
    "google_ai_studio": "gemini",
    "hosted_vllm": "vllm",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot": "kimi",
    "moonshotai": "kimi",
    "text_completion_openai": "openai",
    "vertex_ai": "vertex",
    "vertexai": "vertex",
    "vertex_ai_beta": "vertex",
    "x_ai": "xai",
}
_OF_DIALECT: Final[Mapping[str, str]] = {
    "anthropic": "anthropic",
    "openai-responses": "openai",
    "gemini": "gemini",
    "bedrock-converse": "bedrock",
    "bedrock-invoke": "bedrock",
}
_OTHER_CALLS: Final = (
    "/embeddings",
    "/moderations",
    "/images/generations",
    "/audio/speech",
    "/audio/transcriptions",
    "/rerank",
    "/models",
    ":embedContent",
    ":batchEmbedContents",
)
_LEAD: Final = ("/anthropic", "/openai", "/api", "/compatible-mode", "/proxy")


class Address(NamedTuple):
    """What a URL says; None is what it does not say."""

    provider: str | None = None
    hosted: Hosted | None = None
    model: str | None = None
    stream: bool | None = None
    other: bool = False
    """No prompt is generated from: embeddings, token counts and the like."""


NOWHERE: Final = Address()


def address_of(url: str | None) -> Address:
    """Of a URL, or of a path alone. Never raises."""
    if not url:
        return NOWHERE
    try:
        parts = urlsplit(url)
        host, path = (parts.hostname or "").lower(), parts.path.rstrip("/")
    except ValueError:
        return NOWHERE
    named = (name for end, name in _HOSTS.items() if host == end or host.endswith(f".{end}"))
    provider = next(named, None)
    if any(path.endswith(end) for end in _OTHER_CALLS):
        return Address(provider, other=True)
    found = spoken(path, provider or "")
    for lead in _LEAD:
        if found is None and path.startswith(f"{lead}/"):
            found = spoken(path.removeprefix(lead), provider or "")
    if found is None:
        return Address(provider)
    if provider is None and found.speech in ("vertex", "bedrock", "azure"):
        provider = found.speech
    other = found.operation == "count"
    return Address(provider, found.hosted, found.model, found.stream or None, other)


def provider_named(name: str | None) -> str | None:
    """Headstart's name of a provider; None if it has no rules for it."""
    if not name:
        return None
    plain = name.strip().lower().replace(".", "_").replace("-", "_").replace(" ", "_")
    plain = _ALIASES.get(plain, plain)
    return plain if plain in providers() else None


def provider_of(hosted: Hosted, model: str) -> str | None:
    """Who most likely serves a model to clients that speak this dialect."""
    if hosted.name in COMPATIBLE and (hosted.name != "openrouter" or "/" in model):
        return hosted.name
    return _OF_DIALECT.get(hosted.name) or (provider_of_model(model) if model else None)
