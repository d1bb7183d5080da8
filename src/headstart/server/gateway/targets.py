"""What a path says: whose dialect it speaks, and which upstream it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import unquote

from headstart.dialects import (
    COMPATIBLE,
    AnthropicHosted,
    BedrockConverse,
    BedrockInvoke,
    Gemini,
    Hosted,
    OpenAIChat,
    OpenAIResponses,
)
from headstart.dialects.hosted import Operation
from headstart.server.upstreams import Speech, Upstream

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


class Target(NamedTuple):
    """An upstream, and the path there."""

    name: str
    upstream: Upstream
    path: str
    """As the client wrote it, still encoded."""


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


class Targets:
    """Picks an upstream. A path ``/NAME/...`` names it; any other goes by its dialect, then by
    the model where several upstreams have that dialect, the first one being the default."""

    def __init__(self, upstreams: Mapping[str, Upstream]) -> None:
        self._named = dict(upstreams)
        self._spoken: dict[str, list[str]] = {}
        for name, upstream in upstreams.items():
            self._spoken.setdefault(upstream.speech, []).append(name)
        self._by_model = {
            speech
            for speech, names in self._spoken.items()
            if any(self._named[name].models for name in names)
        }

    def named(self, path: str) -> Target | None:
        """The upstream that the path's first step names."""
        first, slash, rest = path[1:].partition("/")
        upstream = self._named.get(first)
        if upstream is None or not slash:
            return None
        if first == "openai" and _azure(rest) and "azure" in self._spoken:
            return None
        return Target(first, upstream, f"/{rest}")

    def needs_model(self, speech: str) -> bool:
        """Whether the upstream depends on the model."""
        return speech in self._by_model

    def by_dialect(self, speech: str, path: str, model: str | None = None) -> Target | None:
        """The upstream of a dialect; with ``model``, the first whose patterns name it."""
        names = self._spoken.get(speech)
        if not names:
            return None
        if model is not None:
            for name in names:
                if any(fnmatchcase(model, pattern) for pattern in self._named[name].models):
                    return Target(name, self._named[name], path)
        free = next((n for n in names if not self._named[n].models), None)
        return Target(free, self._named[free], path) if free is not None else None


def speech_of(headers: Mapping[bytes, bytes], query: bytes) -> Speech:
    """Whose dialect an unknown path most likely speaks, by the client's headers."""
    if b"anthropic-version" in headers:
        return "anthropic"
    if b"x-goog-api-key" in headers or b"key=" in query:
        return "gemini"
    if headers.get(b"authorization", b"").startswith(b"AWS4-HMAC"):
        return "bedrock"
    return "azure" if b"api-key" in headers else "openai"


def _azure(rest: str) -> bool:
    return rest.startswith(("deployments/", "v1/"))
