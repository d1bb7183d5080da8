"""What a path says: whose dialect it speaks, and which upstream it is for."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from headstart.dialects.paths import Spoken as Spoken
from headstart.dialects.paths import spoken as spoken
from headstart.server.upstreams import Speech, Upstream


class Target(NamedTuple):
    """An upstream, and the path there."""

    name: str
    upstream: Upstream
    path: str
    """As the client wrote it, still encoded."""


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
