"""What a test sees of the emulated prompt cache, and the assertions it makes."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from headstart.integrations.cache_report import low_hit_rate, volatile_prefix
from headstart.server.emulate import Entry, State, create_emulator, emulated_accounts
from headstart.server.environment import emulated
from headstart.server.lifecycle import EmbeddedServer
from headstart.usage import Usage


class Environment(Protocol):
    """Sets variables for one test (pytest's ``MonkeyPatch``)."""

    def setenv(self, name: str, value: str) -> None: ...

    def delenv(self, name: str, raising: bool = True) -> None: ...


class Served(NamedTuple):
    """The emulating server of a test session."""

    state: State
    url: str


@contextmanager
def serving() -> Iterator[Served]:
    """Serve on a free port of this machine while the block runs."""
    # While the clock stands, an entry that takes seconds to build would never be there.
    state = State(emulated_accounts(knobs={"delay": 0.0}))
    state.clock.stop()
    with EmbeddedServer(create_emulator(state), grace=0.0) as server:
        yield Served(state, server.url)


class PromptCache:
    """One test's prompt caches, empty at its start. The clock stands still: what a test
    takes to run expires nothing, ``advance`` does; and what a provider takes seconds to build
    (DeepSeek) is there at once."""

    def __init__(
        self,
        served: Served,
        environment: Environment,
        *,
        provider: str | None = None,
        model: str | None = None,
    ) -> None:
        """``provider`` and ``model``: whose rules and prices count, whatever model name the
        application sends; ``provider`` wherever it takes the API that is called, so OpenAI's
        rules never count for Anthropic's Messages. ValueError for one that is unknown."""
        self.url = served.url
        self._state = served.state
        self._state.reset(provider=provider, model=model)
        variables, removed = emulated(served.url, os.environ)
        for name in removed:
            environment.delenv(name, raising=False)
        for name, value in variables.items():
            environment.setenv(name, value)

    @property
    def requests(self) -> tuple[Entry, ...]:
        """Every request so far, oldest first: ``usage``, ``lookup.reason``, ``prompt`` ..."""
        return tuple(entry for entry in self._state.journal if entry.status == "ok")

    @property
    def usage(self) -> Usage:
        """All tokens so far, in exclusive buckets."""
        return sum((entry.usage for entry in self.requests), Usage())

    @property
    def hit_rate(self) -> float:
        """Share of all input tokens that were read from a cache, 0 to 1."""
        return self.usage.hit_rate

    @property
    def cost(self) -> float:
        """USD of all input so far; models without a price count as 0."""
        return sum(entry.lookup.cost or 0.0 for entry in self.requests)

    @property
    def cost_without_cache(self) -> float:
        """USD of the same input if nothing were cached."""
        return sum(entry.lookup.uncached or 0.0 for entry in self.requests)

    def advance(self, seconds: float) -> None:
        """Move the clock on; ValueError for a step back."""
        self._state.clock.advance(seconds)

    def answer(self, text: str) -> None:
        """The next request without an answer gets this one."""
        self._state.answers.give(text)

    def assert_hit_rate(self, min: float = 0.9, *, skip: int = 0) -> None:
        """AssertionError if fewer of the input tokens were read, the first ``skip`` requests
        left out (the first one of a conversation can't hit); also if there was no request."""
        __tracebackhide__ = True
        entries = self.requests[skip:]
        usage = sum((entry.usage for entry in entries), Usage())
        if not entries:
            raise AssertionError(f"no request reached the emulated prompt cache at {self.url}")
        if usage.hit_rate < min:
            raise AssertionError(low_hit_rate(self._state, entries, usage, min))

    def assert_no_volatile_prefix(self, *, ignore: Collection[str] = ()) -> None:
        """AssertionError if what a provider would cache holds anything that looks as if it
        changed from request to request (a time, an id, a counter ...), or if it did change.
        ``ignore`` names kinds that are meant to be there."""
        __tracebackhide__ = True
        found = volatile_prefix(self._state, self.requests, ignore)
        if found is not None:
            raise AssertionError(found)
