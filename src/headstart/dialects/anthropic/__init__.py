"""Anthropic's Messages API."""

from headstart.dialects.anthropic.dialect import AnthropicDialect

__all__ = ["AnthropicDialect"]
