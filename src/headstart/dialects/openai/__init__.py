"""OpenAI's Chat Completions API."""

from headstart.dialects.openai.dialect import OpenAIDialect

__all__ = ["OpenAIDialect"]
