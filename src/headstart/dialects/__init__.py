"""Wire formats: one file each; all of them speak ``Request``, ``Outcome`` and ``Usage``."""

from headstart.dialects.anthropic import AnthropicDialect
from headstart.dialects.base import Dialect, DialectError, ErrorKind, Outcome, Request, Stream
from headstart.dialects.openai import OpenAIDialect

__all__ = [
    "AnthropicDialect",
    "Dialect",
    "DialectError",
    "ErrorKind",
    "OpenAIDialect",
    "Outcome",
    "Request",
    "Stream",
]
