"""Anthropic's Messages API."""

from headstart.dialects.anthropic.dialect import AnthropicDialect
from headstart.dialects.anthropic.hosted import AnthropicHosted

__all__ = ["AnthropicDialect", "AnthropicHosted"]
