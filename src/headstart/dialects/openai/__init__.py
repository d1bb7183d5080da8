"""OpenAI's Chat Completions and Responses APIs."""

from headstart.dialects.openai.dialect import OpenAIDialect
from headstart.dialects.openai.family import Format
from headstart.dialects.openai.hosted_chat import OpenAIChat
from headstart.dialects.openai.hosted_responses import OpenAIResponses
from headstart.dialects.openai.regimes import check_cache_fields

__all__ = [
    "Format",
    "OpenAIChat",
    "OpenAIDialect",
    "OpenAIResponses",
    "check_cache_fields",
]
