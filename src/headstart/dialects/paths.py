"""What a request's path says: whose dialect it speaks, what it asks for, and of which model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import unquote

from headstart.dialects.anthropic import AnthropicHosted
from headstart.dialects.bedrock import BedrockConverse, BedrockInvoke
from headstart.dialects.compatible import COMPATIBLE
from headstart.dialects.gemini import Gemini
from headstart.dialects.hosted import Hosted, Operation
from headstart.dialects.openai import OpenAIChat, OpenAIResponses

Speech = Literal["anthropic", "openai", "gemini", "vertex", "bedrock", "azure"]
"""Which paths there are together."""

_ANTHROPIC, _GEMINI = AnthropicHosted(), Gemini()
_CHAT, _RESPONSES = OpenAIChat(), OpenAIResponses()
_CONVERSE, _INVOKE = BedrockConverse(), BedrockInvoke()


class Spoken(NamedTuple):
    """A path that generates or counts."""

    speech: Speech
    hosted: Hosted
    operation: Operation = "generate"
    stream: bool = False
    """By its path, its response is a stream."""
    model: str | None = None
    """Where the path names it."""


_EXACT: Mapping[str, Spoken] = {
    "/v1/messages": Spoken("anthropic", _ANTHROPIC),
    "/v1/messages/count_tokens": Spoken("anthropic", _ANTHROPIC, "count"),
    "/v1/chat/completions": Spoken("openai", _CHAT),
    "/chat/completions": Spoken("openai", _CHAT),
    "/v1/responses": Spoken("openai", _RESPONSES),
    "/responses": Spoken("openai", _RESPONSES),
    "/openai/v1/chat/completions": Spoken("azure", COMPATIBLE["azure"]),
    "/openai/v1/responses": Spoken("azure", _RESPONSES),
}
_GOOGLE = r":(generateContent|streamGenerateContent|countTokens)"
_PATTERNS = tuple(
    (re.compile(pattern), speech, hosted)
    for pattern, speech, hosted in (
        (rf"/v1(?:beta|alpha)?/models/([^/:]+){_GOOGLE}", "gemini", _GEMINI),
        (rf"/[^/]+/projects/.+/publishers/google/models/([^/:]+){_GOOGLE}", "vertex", _GEMINI),
        (
            r"(?:/v1[^/]*)?/projects/.+/publishers/anthropic/models/([^/:]+)"
            r":(rawPredict|streamRawPredict)",
            "vertex",
            _ANTHROPIC,
        ),
        (r"/model/(.+)/(converse|converse-stream)", "bedrock", _CONVERSE),
        (r"/model/(.+)/(invoke|invoke-with-response-stream)", "bedrock", _INVOKE),
        (r"/openai/deployments/([^/]+)/(chat/completions)", "azure", COMPATIBLE["azure"]),
    )
)
_STREAMS = frozenset(
    {
        "streamGenerateContent",
        "streamRawPredict",
        "converse-stream",
        "invoke-with-response-stream",
    }
)


def spoken(path: str, provider: str) -> Spoken | None:
    """What a path is about; None for one that neither generates nor counts."""
    found = _EXACT.get(path)
    if found is not None:
        same = COMPATIBLE.get(provider) if found.hosted is _CHAT else None
        return found if same is None else found._replace(hosted=same)
    for pattern, speech, hosted in _PATTERNS:
        match = pattern.fullmatch(path)
        if match is not None:
            counts: Operation = "count" if match[2] == "countTokens" else "generate"
            name = unquote(match[1])
            # The patterns' speeches are of that type; a tuple in a list loses it.
            return Spoken(speech, hosted, counts, match[2] in _STREAMS, name)  # type: ignore[arg-type]
    return None
