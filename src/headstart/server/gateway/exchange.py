"""One request on its way: to the upstream, and its response back as it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BytesIO

import aiohttp
from multidict import CIMultiDict
from starlette.types import Receive, Send
from yarl import URL

from headstart.dialects import DialectError, Facts, Hosted, OpenAIChat
from headstart.server.gateway.body import Left
from headstart.server.gateway.client import Client, timeout_of
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.headers import response_headers
from headstart.server.gateway.routed import Routed
from headstart.server.gateway.tap import QuietTap
from headstart.server.record import CLIENT_GONE
from headstart.server.upstreams import Upstream

PLAN_HEADER = b"x-headstart-plan"
_NO_REPLICA = DialectError(503, "overloaded_error", "no replica takes requests at the moment")
_SPEAKS: Hosted = OpenAIChat()
_LARGE = 1 << 20
"""Bytes from which on a body is written piece by piece."""
_DENIED = (401, 403)
"""Answers to those who may only know a tenant's name (an AWS access key's id) and have no right
to its requests: what was planned for these is not told."""
_PATIENCE = 0.02
"""Seconds after which a client's leaving is looked for."""
Data = bytes | BytesIO | AsyncIterator[bytes] | None


class Exchange:
    """Sends one request and streams its response. ``run`` raises nothing of the upstream's."""

    __slots__ = (
        "_client",
        "_facts",
        "_faults",
        "_gone",
        "_hosted",
        "_over",
        "_receive",
        "_send",
        "_started",
        "_tap",
        "_task",
        "_watcher",
        "again",
        "before",
        "begun",
        "header",
        "latency",
        "route",
        "status",
        "ttft",
        "whole",
    )

    def __init__(
        self, client: Client, faults: Faults, hosted: Hosted | None, receive: Receive, send: Send
    ) -> None:
        self._client = client
        self._faults = faults
        self._hosted = hosted
        self._tap = QuietTap(hosted, faults)
        self._receive = receive
        self._send = send
        self._started = time.perf_counter()
        self._gone = self._over = False
        self._facts: Facts | None = None
        self._task: asyncio.Task[object] | None = None
        self._watcher: asyncio.Task[None] | asyncio.TimerHandle | None = None
        self.header: Callable[[], str | None] = _no_header
        """Text of ``x-headstart-plan``, asked when the response begins."""
        self.before: Callable[[], Awaitable[None]] | None = None
        """Awaited before the request is sent; the client's leaving ends it."""
        self.begun: Callable[[bool], None] | None = None
        """Told the first byte of a good response, or that there will be none."""
        self.again: Callable[[int], bytes | None] | None = None
        """Told the status of an answer before any of it goes to the client: the body to send
        once more instead, if there is one. Asked once."""
        self.route: Routed | None = None
        """Where it goes, and where else if that fails; None: to the URL that is given."""
        self.status = CLIENT_GONE
        self.ttft: float | None = None
        self.latency = 0.0
        self.whole = False

    @property
    def elapsed(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self._started

    async def run(
        self,
        method: str,
        url: URL,
        headers: CIMultiDict[str],
        data: Data,
        upstream: Upstream,
        *,
        watched: bool,
    ) -> None:
        """``watched``: the body is read, so that the client's leaving can be looked for;
        otherwise ``watch`` is to be called once it is."""
        self._task = asyncio.current_task()
        if watched:
            self.watch()
        try:
            if self.before is not None:
                await self.before()
            if self.route is not None:
                found = await self._first(self.route, url)
                if found is None:
                    await self.refuse(_NO_REPLICA)
                    return
                url = found
            await self._forward(method, url, headers, data, upstream)
        except asyncio.CancelledError:
            if not self._gone or self._task is None:
                raise
            self._task.uncancel()
            self._left()
        finally:
            self._over = True
            self.latency = self.elapsed
            if self._watcher is not None:
                self._watcher.cancel()

    def watch(self) -> None:
        """Look for the client's leaving from now on, or a moment later: most requests that are
        answered at once are then spared a task."""
        self._watcher = asyncio.get_running_loop().call_later(_PATIENCE, self._begin_to_watch)

    def _begin_to_watch(self) -> None:
        self._watcher = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        """Cancel the upstream's request when the client leaves."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._over and self._task is not None:
            self._gone = True
            self._task.cancel()

    async def _first(self, route: Routed, url: URL) -> URL | None:
        """Where it goes; where nobody else can say, to the URL that was given."""
        try:
            return await route.first()
        except Exception as error:
            self._faults.note("route", error)
            self.route = None
            return url

    async def _forward(
        self, method: str, url: URL, headers: CIMultiDict[str], data: Data, upstream: Upstream
    ) -> None:
        begun = False
        out = BytesIO(data) if isinstance(data, bytes) and len(data) > _LARGE else data
        try:
            async with self._client.session().request(
                method,
                url,
                headers=headers,
                data=out,
                allow_redirects=False,
                timeout=timeout_of(upstream),
            ) as response:
                begun = True
                again, self.again = self.again, None
                data = again(response.status) if again is not None else None
                if data is None:
                    await self._answer(response)
                    return
            # Outside of the block: the refused answer's connection is given back first.
            await self._forward(method, url, headers, data, upstream)
        except Left:
            self.status = CLIENT_GONE
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if begun and self.status != CLIENT_GONE:
                # Not ended: the server sees that, and cuts the client's connection.
                self._faults.counts["upstream_cut"] += 1
                return
            self._faults.counts["upstream_unreached"] += 1
            other = self.route.elsewhere(error) if self.route is not None and not begun else None
            if other is None:
                await self.refuse(_told(error))
                return
            await self._forward(method, other, headers, data, upstream)

    async def _answer(self, response: aiohttp.ClientResponse) -> None:
        headers = response_headers(response.raw_headers)
        header = self.header()
        if header is not None and response.status not in _DENIED:
            headers.append((PLAN_HEADER, header.encode("latin-1", "replace")))
        if self.route is not None and (mark := self.route.mark()) is not None:
            headers.append(mark)
        self._tap.open(response.headers)
        self.status = response.status
        good = 200 <= response.status < 300
        if not good:
            self._tell(False)
        await self._send(
            {"type": "http.response.start", "status": response.status, "headers": headers}
        )
        content, expected = response.content, response.content_length
        while True:
            chunk = await content.readany()
            if not chunk:
                break
            if self.ttft is None:
                self.ttft = self.elapsed
                if good:
                    self._tell(True)
            if expected is not None:
                expected -= len(chunk)
                if expected <= 0:
                    await self._last(chunk)
                    return
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
            self._tap.feed(chunk)
        await self._last(b"")

    def _tell(self, good: bool) -> None:
        told, self.begun = self.begun, None
        if told is not None:
            told(good)
        if self.route is not None:
            self.route.begun(good)

    async def _last(self, chunk: bytes) -> None:
        self._over = True
        self.whole = True
        await self._send({"type": "http.response.body", "body": chunk})
        self._tap.feed(chunk)

    def _left(self) -> None:
        """The client has gone. One that was told why the answer stopped has had all of it:
        the SDK of OpenAI leaves at ``[DONE]``, which may be before the stream's own end."""
        self.whole = self.facts().stop is not None
        if not self.whole:
            self.status = CLIENT_GONE

    def facts(self) -> Facts:
        """What the response said of itself, once nothing more of it is read."""
        if self._facts is None:
            self._facts = self._tap.facts()
        return self._facts

    def forget(self) -> None:
        """Let go of whoever was to be told, and of the tasks, whose frames hold this."""
        self.header, self.before, self.begun, self.again = _no_header, None, None, None
        self._task = self._watcher = None

    async def refuse(self, error: DialectError) -> None:
        """An answer of the gateway's own, in the words of the request's dialect."""
        status, headers, body = (self._hosted or _SPEAKS).error(error, "")
        self.status = status
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        if not any(name == b"content-length" for name, _ in raw):
            raw.append((b"content-length", str(len(body)).encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
        await self._send({"type": "http.response.body", "body": body})


def _no_header() -> None:
    """Nothing was planned."""


def _told(error: BaseException) -> DialectError:
    """Never the error's own text: it may hold the URL, and so a key."""
    if isinstance(error, TimeoutError):
        return DialectError(504, "api_error", "the upstream did not answer in time")
    if isinstance(error, aiohttp.ClientConnectorError):
        return DialectError(502, "api_error", "the upstream cannot be reached")
    return DialectError(502, "api_error", "the upstream broke off, or sent no valid answer")
