"""The emulated caches: one emulator for each provider and model. Accounts are scopes in it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from hashlib import blake2b

from headstart.pricing import Pricer
from headstart.prompt import Segment
from headstart.providers import (
    CacheResources,
    Emulator,
    GranularEmulator,
    Recall,
    Rules,
    emulate,
    providers,
    rows_of,
    rules_for,
    with_knobs,
)

MOST_MODELS = 256
"""Emulators held at once; the one asked least lately goes. Model names are the clients'."""

Count = Callable[[Segment], int]
CounterOf = Callable[[str, str], Count]
"""Provider and model to a function that counts a segment's tokens."""


class Accounts:
    """Every emulator that was asked for. Not safe across threads."""

    def __init__(
        self,
        counter_of: CounterOf,
        *,
        at: date | None = None,
        knobs: Mapping[str, object] | None = None,
        limit: int = 100_000,
    ) -> None:
        """``at`` picks the rules and prices of that day (today without one); ``limit``
        bounds each emulator's entries. ValueError for a knob that does not exist."""
        self._counter_of = counter_of
        self._at = at or datetime.now(UTC).date()
        self._knobs = dict(knobs or {})
        with_knobs(rows_of(providers()[0])[0], self._knobs)
        self._limit = limit
        self._emulators: OrderedDict[tuple[str, str], Emulator] = OrderedDict()
        self._recalls: dict[str, Recall] = {}
        self._resources: dict[str, CacheResources] = {}

    def emulator(self, provider: str, model: str) -> Emulator:
        """KeyError for an unknown provider."""
        found = self._emulators.get((provider, model))
        if found is None:
            found = self._made(provider, model)
            self._emulators[provider, model] = found
            if len(self._emulators) > MOST_MODELS:
                self._emulators.popitem(last=False)
        self._emulators.move_to_end((provider, model))
        return found

    def rules(self, provider: str, model: str) -> Rules:
        """The rules that count for a model, knobs aside."""
        return rules_for(provider, model, self._at)[0]

    def pricer(self, provider: str, model: str) -> Pricer:
        """What that model's tokens cost on the day of the rules."""
        return Pricer(provider, model, self._at)

    def resources(self, provider: str, model: str = "") -> CacheResources:
        """A provider's cache objects, those of all its models."""
        found = self._resources.get(provider)
        if found is None:
            rules, _ = rules_for(provider, model, self._at)
            count = self._counter_of(provider, model)
            found = self._resources[provider] = CacheResources(
                rules, count=count, limit=self._limit
            )
        return found

    def clear(self) -> None:
        """Empty every cache."""
        self._emulators.clear()
        self._recalls.clear()
        self._resources.clear()

    def another(self, provider: str, model: str) -> Emulator:
        """An emulator beside the one that is shared, with an empty cache of its own."""
        return self._made(provider, model)

    def _made(self, provider: str, model: str) -> Emulator:
        emulator = emulate(
            provider,
            model,
            self._at,
            count=self._counter_of(provider, model),
            price=self.pricer(provider, model),
            knobs=self._knobs,
            limit=self._limit,
            recall=self._recalls.setdefault(provider, Recall(self._limit)),
        )
        if isinstance(emulator, GranularEmulator) and emulator.rules.resources:
            emulator.resources = self.resources(provider, model)
        return emulator


def account_of(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """A short digest of whatever credential a request carries; "" without one.

    Of an AWS signature only the access key id counts: the rest differs at each request.
    """
    credential = (
        headers.get("x-api-key")
        or headers.get("api-key")
        or headers.get("x-goog-api-key")
        or query.get("key")
        or headers.get("authorization", "")
    )
    _, aws, scope = credential.partition("Credential=")
    credential = scope.partition("/")[0] if aws else credential
    return blake2b(credential.encode(), digest_size=6).hexdigest() if credential else ""
