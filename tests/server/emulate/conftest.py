"""An emulating server on a free port, whose clock stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from functools import partial
from typing import Any

import httpx
import pytest

from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts

HOUSE_RULES = "The rules of the house are many, and they stay as they are. " * 400


class Emulated:
    """A server, its state, and a client for its controls."""

    def __init__(self, state: State, url: str, http: httpx.Client) -> None:
        self.state = state
        self.url = url
        self.http = http

    def advance(self, seconds: float) -> None:
        """Through the socket, as a test in another language would."""
        answer = self.http.post("/_headstart/clock", json={"advance": seconds})
        assert answer.status_code == 200, answer.text

    def requests(self, **query: Any) -> list[dict[str, Any]]:
        """The journal's list."""
        found: list[dict[str, Any]] = self.http.get("/_headstart/requests", params=query).json()[
            "requests"
        ]
        return found

    def last(self) -> dict[str, Any]:
        """The latest request, with its diff."""
        shown: dict[str, Any] = self.http.get(
            f"/_headstart/requests/{self.requests()[-1]['id']}"
        ).json()
        return shown


Emulate = Callable[..., Emulated]


def _start(
    stack: ExitStack,
    *,
    at: date = date(2026, 11, 20),
    knobs: dict[str, object] | None = None,
    **rest: Any,
) -> Emulated:
    state = State(emulated_accounts(at, knobs), **rest)
    state.clock.stop()
    server = stack.enter_context(EmbeddedServer(create_emulator(state), grace=0))
    client = stack.enter_context(httpx.Client(base_url=server.url, timeout=20))
    return Emulated(state, server.url, client)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def emulate() -> Iterator[Emulate]:
    """Start emulating servers with options of ``State``; ``at`` and ``knobs`` go to its
    accounts."""
    with ExitStack() as stack:
        yield partial(_start, stack)


@pytest.fixture(scope="session")
def _shared() -> Iterator[Emulated]:
    with ExitStack() as stack:
        yield _start(stack)


@pytest.fixture
def emulated(_shared: Emulated) -> Emulated:
    """One with nothing special about it, and nothing in it. Its clock only goes on."""
    _shared.state.reset()
    _shared.state.journal.count = 0
    return _shared
