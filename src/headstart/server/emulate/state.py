"""What all routes of the emulating server share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import msgspec
from starlette.requests import Request

from headstart.dialects import DialectError
from headstart.providers import provider_of_model, providers
from headstart.server.emulate.accounts import Accounts, Count
from headstart.server.emulate.clock import Clock
from headstart.server.emulate.endpoints import AUTO, SHARED
from headstart.server.emulate.journal import Journal
from headstart.server.emulate.text import Answers
from headstart.tokens import counter_of
from headstart.usage import Usage

DEFAULT_PROVIDER = "openai"
"""Whose rules a model gets at a path that many providers share, if none names it so."""


@dataclass(slots=True)
class State:
    """One emulating server."""

    accounts: Accounts
    clock: Clock = field(default_factory=Clock)
    journal: Journal = field(default_factory=Journal)
    answers: Answers = field(default_factory=Answers)
    provider: str = AUTO
    """Whose rules count at paths that many providers share."""
    forced: str | None = None
    """Whose rules count at every path that this provider may be reached by."""
    model: str | None = None
    """Whose rules and prices count, whatever model a request names."""
    seconds_per_1k: float = 0.0
    """Delay of a response for each 1,000 tokens of input that are not read."""
    max_body: int = 64 << 20
    """Bytes."""

    def provider_of(self, named: str, model: str) -> str:
        """The provider of a path, or of a model's name where the path does not say."""
        forced = self.forced
        if forced is not None and (named == AUTO or forced in SHARED.get(named, ())):
            return forced
        if named != AUTO:
            return named
        if self.provider != AUTO:
            return self.provider
        return provider_of_model(model) or DEFAULT_PROVIDER

    def reset(self, *, provider: str | None = None, model: str | None = None) -> None:
        """Empty caches, journal and answers; the clock goes on. ValueError for a provider
        that is unknown."""
        if provider is not None and provider not in providers():
            raise ValueError(f"unknown provider {provider!r} (known: {', '.join(providers())})")
        self.forced, self.model = provider, model
        self.accounts.clear()
        self.journal.clear()
        self.answers.clear()

    def latency(self, usage: Usage) -> float:
        """Seconds until the first byte."""
        return self.seconds_per_1k * (usage.input - usage.read) / 1000

    async def read_body(self, http: Request) -> bytes:
        """DialectError 413 beyond the limit."""
        body = bytearray()
        async for chunk in http.stream():
            body += chunk
            if len(body) > self.max_body:
                text = f"request exceeds the maximum size of {self.max_body} bytes"
                raise DialectError(413, "request_too_large", text)
        return bytes(body)


def emulated_accounts(
    at: date | None = None, knobs: Mapping[str, object] | None = None, limit: int = 100_000
) -> Accounts:
    """Accounts whose tokens are counted as exactly as the installed packages allow."""

    def count_for(provider: str, model: str) -> Count:
        return counter_of(provider, model).count

    return Accounts(count_for, at=at, knobs=knobs, limit=limit)


def parse_knobs(pairs: Iterable[str]) -> dict[str, object]:
    """``NAME=VALUE`` each; a value that is no JSON is a string. ValueError."""
    knobs: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ValueError(f"{pair!r}: expected NAME=VALUE")
        try:
            knobs[name] = msgspec.json.decode(value)
        except ValueError:
            knobs[name] = value
    return knobs
