"""Anthropic's Messages API."""

from headstart.dialects.anthropic.dialect import AnthropicDialect
from headstart.dialects.anthropic.hosted import AnthropicHosted
from headstart.dialects.anthropic.settings import check_system_turns

__all__ = ["AnthropicDialect", "AnthropicHosted", "check_system_turns"]
