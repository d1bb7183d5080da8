"""One model as lint needs it: its rules, its tokens, and what a lost token costs."""

from __future__ import annotations

from datetime import date
from typing import Final

from headstart.pricing import Pricer
from headstart.prompt import Prompt
from headstart.providers import Emulator, emulate, minimum_of, provider_of_model, rules_for
from headstart.tokens import counter_of
from headstart.usage import Usage

CALLS: Final = 1000
DOUBT: Final = 1.2
"""Estimated counts have to pass a bound by this factor to be said to have passed it."""


class UnknownModel(ValueError):
    """No provider's rules name the model."""


class Model:
    """A model at a provider, under the rules and prices of a day."""

    def __init__(self, provider: str, name: str, at: date) -> None:
        self.provider = provider
        self.name = name
        self.rules, doubts = rules_for(provider, name, at)
        self.known = not doubts
        """The rules name it; else they are those of another family."""
        self._counter = counter_of(provider, name)
        self._pricer = Pricer(provider, name, at)
        self._emulator: Emulator = emulate(provider, name, at, count=self._counter.count)
        self.chain = self._emulator.chain
        self.minimum = minimum_of(self.rules, name)
        self.margin = 1.0 if self._counter.exact else DOUBT

    @classmethod
    def of_name(cls, name: str, at: date) -> Model:
        """A model by its name alone; UnknownModel."""
        provider = provider_of_model(name)
        if provider is None:
            raise UnknownModel(f"no provider's rules name the model {name!r}")
        return cls(provider, name, at)

    def tokens(self, text: str) -> int:
        """Of a bare text; estimated where the model's vocabulary is not installed."""
        return self._counter.count_text(text)

    def bucket(self, ttl: float | None) -> str:
        """Where tokens are counted that are processed for an entry of that lifetime."""
        lives = self.rules.lifetimes
        named = next((life for life in lives if life.seconds == ttl), None)
        if named is None and self.rules.implicit in ("default", "always") and lives:
            named = lives[0]
        return (named.bucket if named else None) or "fresh"

    def lost(self, tokens: int, bucket: str, total: int) -> float | None:
        """USD that ``CALLS`` calls of ``total`` input tokens lose if ``tokens`` of them are
        processed into ``bucket`` rather than read; None without a price."""
        rest = max(0, total - tokens)
        now = self._pricer.cost(Usage(**_sum(rest, tokens, bucket)))
        then = self._pricer.cost(Usage(fresh=rest, read=tokens))
        return None if now is None or then is None else (now - then) * CALLS

    def wasted(self, tokens: int, bucket: str, total: int) -> float | None:
        """The same for tokens that are written and never read, against not writing them."""
        rest = max(0, total - tokens)
        now = self._pricer.cost(Usage(**_sum(rest, tokens, bucket)))
        then = self._pricer.cost(Usage(fresh=rest + tokens))
        return None if now is None or then is None else (now - then) * CALLS


def newest(prompt: Prompt) -> int:
    """The first segment of the newest message, which no earlier request can have had."""
    segments = prompt.segments
    last = segments[-1].message if segments else -1
    if last < 0:
        return len(segments)
    return next(at for at, segment in enumerate(segments) if segment.message == last)


def _sum(rest: int, tokens: int, bucket: str) -> dict[str, int]:
    return {"fresh": rest + tokens} if bucket == "fresh" else {"fresh": rest, bucket: tokens}
