"""A gateway with explicit caches before an emulating server, both on a clock that tests move."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types

from headstart.providers import CacheResources
from headstart.server.emulate import State
from headstart.server.gateway import Upstream
from headstart.usage import RequestRecord
from tests.server.gateway.conftest import Running, Start
from tests.server.gateway.raw import RawUpstream, response
from tests.waiting import wait_until

MODEL = "gemini-3.8-flash"
TEXT = "The mill of Kalmar grinds rye, and the miller of Kalmar counts the sacks. " * 400
TOOL = types.Tool(
    function_declarations=[types.FunctionDeclaration(name="weigh", description="Weighs a sack.")]
)
GAP = 360.0
"""Seconds between requests: more than implicit caches last."""
Emulated = tuple[str, State]


class Scene:
    """Requests by the SDK, each seen through to what follows it in the background."""

    def __init__(self, running: Running, state: State) -> None:
        self.running = running
        self.state = state
        self.clock = state.clock
        self.clock.stop()
        self._clients: dict[str, genai.Client] = {}

    @property
    def objects(self) -> CacheResources:
        """Those of the provider."""
        return self.state.accounts.resources("gemini", MODEL)

    @property
    def live(self) -> list[str]:
        """Names of those that are not over."""
        now = self.clock.now()
        return [one.name for one in self.objects._live.values() if one.expires > now]

    @property
    def requests(self) -> list[RequestRecord]:
        return [r for r in self.running.kept if not r.plan.startswith("cache_")]

    @property
    def costs(self) -> list[RequestRecord]:
        """Rows of objects."""
        return [r for r in self.running.kept if r.plan.startswith("cache_")]

    def client(self, key: str = "AIza-1") -> genai.Client:
        """An SDK of that key."""
        if key not in self._clients:
            options = types.HttpOptions(base_url=self.running.url)
            self._clients[key] = genai.Client(api_key=key, http_options=options)
        return self._clients[key]

    def ask(
        self,
        question: str = "How many?",
        *,
        key: str = "AIza-1",
        system: str = TEXT,
        contents: Any = None,
        **config: Any,
    ) -> types.GenerateContentResponse:
        """One request."""
        given = types.GenerateContentConfig(system_instruction=system, **config)
        count = len(self.requests)
        got = self.client(key).models.generate_content(
            model=MODEL, contents=contents or question, config=given
        )
        self.settled(count + 1)
        return got

    def traffic(self, times: int = 3, gap: float = GAP, **given: Any) -> None:
        """The same system text, asked often enough that an object pays."""
        for number in range(times):
            self.ask(f"Question {number}?", **given)
            self.wait(gap)

    def wait(self, seconds: float) -> None:
        """Let time go by, and all be done that is due by then, as it would be."""
        keeper, end = self.running.gateway.explicit.keeper, self.clock.now() + seconds
        while (now := self.clock.now()) < end:
            looks = [held.look for held in keeper.objects]
            self.clock.advance(max(0.001, min([end, *looks]) - now))
            keeper.nudge()
            wait_until(lambda: keeper.idle)

    def settled(self, count: int) -> None:
        """Its record is there, and so is what it led to."""
        wait_until(lambda: len(self.requests) >= count)
        httpx.get(f"{self.running.url}/healthz")
        wait_until(lambda: self.running.gateway.explicit.keeper.idle)

    def event(self, name: str) -> int:
        """How often it happened."""
        return self.running.gateway.metrics.explicit[name]


def read(response: types.GenerateContentResponse) -> int:
    """Tokens that were read from a cache."""
    assert response.usage_metadata is not None
    return response.usage_metadata.cached_content_token_count or 0


class Wire:
    """A provider on a bare socket, which says of each request what it is told to say."""

    def __init__(self, raw: RawUpstream) -> None:
        self.raw = raw
        self.url = raw.url
        self.answers: dict[str, tuple[int, bytes]] = {}
        """By kind of request ("create", "extend", "delete", "continue", "generate"): status and
        body of the answer, instead of a good one."""
        self.asked: list[tuple[str, str, bytes]] = []
        """Kind, path and body, in order."""
        self.hold: dict[str, threading.Event] = {}
        """By kind, what to wait for before answering."""
        raw.answer = self._answer

    def kinds(self) -> list[str]:
        """Of all requests."""
        return [kind for kind, _, _ in self.asked]

    def bodies(self, kind: str) -> list[bytes]:
        """Of all requests of a kind."""
        return [body for found, _, body in self.asked if found == kind]

    def _answer(self, connection: socket.socket) -> None:
        head, body = self.raw.heads[-1], self.raw.bodies[-1]
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        kinds = {"PATCH": "extend", "DELETE": "delete"}
        kind = "create" if path.partition("?")[0].endswith("/cachedContents") else "generate"
        kind = "continue" if b'"cachedContent":' in body else kinds.get(method, kind)
        self.asked.append((kind, path, body))
        if kind in self.hold:
            self.hold[kind].wait(10)
        status, content = self.answers.get(kind, (200, self._good(kind)))
        connection.sendall(response(content, f"{status} Told"))

    def _good(self, kind: str) -> bytes:
        usage = {"promptTokenCount": 6000, "candidatesTokenCount": 5}
        if kind == "create":
            name = f"cachedContents/made-{len(self.bodies('create'))}"
            return json.dumps({"name": name, "usageMetadata": {"totalTokenCount": 5900}}).encode()
        if kind == "continue":
            usage["cachedContentTokenCount"] = 5900
        if kind not in ("continue", "generate"):
            return b"{}"
        parts = {"content": {"parts": [{"text": "Ten."}], "role": "model"}, "finishReason": "STOP"}
        return json.dumps({"candidates": [parts], "usageMetadata": usage}).encode()


@pytest.fixture
def wire(raw: RawUpstream) -> Wire:
    """One."""
    return Wire(raw)


Make = Callable[..., Scene]


@pytest.fixture
def scene(start: Start, emulator: Emulated) -> Make:
    """Makes one; options are those of the upstream, but for ``url`` and the gateway's own."""

    def made(url: str = "", gateway: dict[str, Any] | None = None, **options: Any) -> Scene:
        given = {"provider": "gemini", "explicit_caches": True, **options}
        upstream = Upstream(base_url=url or emulator[0], **given)
        clock = emulator[1].clock
        clock.stop()
        running = start({"gemini": upstream}, clock=clock.now, **(gateway or {}))
        return Scene(running, emulator[1])

    return made
