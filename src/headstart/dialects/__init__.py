"""Wire formats: one file each; all of them speak ``Request``, ``Outcome`` and ``Usage``."""

from headstart.dialects.anthropic import AnthropicDialect, AnthropicHosted
from headstart.dialects.base import Dialect, DialectError, ErrorKind, Outcome, Request, Stream
from headstart.dialects.bedrock import BedrockConverse, BedrockInvoke
from headstart.dialects.compatible import COMPATIBLE
from headstart.dialects.gemini import Gemini
from headstart.dialects.hosted import (
    Call,
    Diagnosis,
    Facts,
    Hosted,
    Marked,
    Placement,
    Reply,
    Span,
    Unmarkable,
    UsageReader,
)
from headstart.dialects.openai import OpenAIChat, OpenAIDialect, OpenAIResponses

__all__ = [
    "COMPATIBLE",
    "AnthropicDialect",
    "AnthropicHosted",
    "BedrockConverse",
    "BedrockInvoke",
    "Call",
    "Diagnosis",
    "Dialect",
    "DialectError",
    "ErrorKind",
    "Facts",
    "Gemini",
    "Hosted",
    "Marked",
    "OpenAIChat",
    "OpenAIDialect",
    "OpenAIResponses",
    "Outcome",
    "Placement",
    "Reply",
    "Request",
    "Span",
    "Stream",
    "Unmarkable",
    "UsageReader",
]
