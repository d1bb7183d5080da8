"""Who publishes the price that a provider charges."""

from __future__ import annotations

_CLOUDS = {
    "gemini": {"": "google"},
    "vertex": {"": "google"},
    "vertex-claude": {"": "google"},
    # Azure charges what the makers list (litellm 1.109.1, "azure/"); data zones cost more.
    "azure": {"claude": "anthropic", "": "openai"},
    "azure-claude": {"": "anthropic"},
    "foundry": {"claude": "anthropic", "": "openai"},
}
"""Provider to beginnings of model names to whose rows they are; "" for all others."""

_MAKERS = {
    "anthropic": "anthropic",
    "openai": "openai",
    "google": "google",
    "deepseek": "deepseek",
    "x-ai": "xai",
    "mistralai": "mistral",
    "moonshotai": "kimi",
    "qwen": "qwen",
}
"""OpenRouter's names of makers: it passes their prices on."""


def seller(provider: str | None, model: str) -> tuple[str | None, str]:
    """The provider and the name under which the table has this model (lower case)."""
    if provider == "openrouter":
        maker, slash, name = model.partition("/")
        if slash and maker in _MAKERS and not name.endswith(":free"):
            return _MAKERS[maker], name.partition(":")[0]
    for begin, whose in _CLOUDS.get(provider or "", {}).items():
        if model.startswith(begin):
            return whose, model
    return provider, model
