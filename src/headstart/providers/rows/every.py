"""All rows, a provider's newest family first: that one serves for models that no row names."""

from __future__ import annotations

from typing import Final

from headstart.providers.rows import (
    anthropic,
    azure,
    bedrock,
    deepseek,
    engines,
    gemini,
    groq,
    kimi,
    mistral,
    openai,
    openai_automatic,
    openrouter,
    qwen,
    vertex,
    vertex_claude,
    xai,
)
from headstart.providers.rules import Rules

_MODULES: Final = (
    anthropic,
    openai,
    azure,
    openai_automatic,
    gemini,
    vertex,
    vertex_claude,
    bedrock,
    deepseek,
    xai,
    mistral,
    groq,
    kimi,
    qwen,
    openrouter,
    engines,
)
ROWS: Final[tuple[Rules, ...]] = tuple(row for module in _MODULES for row in module.ROWS)
