"""One request's way to a replica, and on to the next one where that fails.

What is sent once more, to another replica, and each replica at most once: a request whose
connection could not be made; and one whose connection ended before the head of a response
came. The second may have been computed in part: sending it again is safe, as engines keep
nothing of a request but its cache, but it may cost its prefill twice. What is never sent
again: a request of which any byte of an answer has come, whatever its status; one that timed
out; and one whose body is longer than what is held of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import aiohttp

from headstart.planner.affinity import Asked, Choice, Sent
from headstart.server.record import CLIENT_GONE
from headstart.server.replicas.fleet import Fleet
from headstart.server.replicas.member import RANK_HEADER, Member

if TYPE_CHECKING:
    from multidict import CIMultiDict
    from yarl import URL

    from headstart.server.upstreams import Upstream
    from headstart.usage import Usage

HEADER: Final = b"x-headstart-replica"
_ILL: Final = frozenset({500, 502, 503, 504})
"""Answers that count against a replica's health."""


class Route:
    """Made for one request: ``first``, ``elsewhere`` after each failed attempt, ``over`` once."""

    def __init__(
        self,
        fleet: Fleet,
        asked: Asked,
        headers: CIMultiDict[str],
        url_of: Callable[[Upstream], URL],
        *,
        salt: str | None = None,
        path: str = "",
        body: bytes = b"",
        repeatable: bool = True,
    ) -> None:
        """``headers`` are those that go out; a rank's header is put among them. ``url_of``
        gives the request's URL at a replica. ``body`` empty: its tokens are not asked for."""
        self._fleet = fleet
        self._asked = asked
        self._headers, self._url_of = headers, url_of
        self._salt, self._path, self._body = salt, path, body
        self._repeatable = repeatable
        self._tried: list[str] = []
        self._member: Member | None = None
        self._choice: Choice | None = None
        self._sent: Sent | None = None

    async def first(self) -> URL | None:
        """Where it goes; None where no replica can be had."""
        if self._body and self._fleet.upstream.tokenize:
            self._asked = await self._fleet.with_tokens(
                self._asked, self._path, self._body, self._credential(), self._salt
            )
        return self._next()

    def elsewhere(self, error: BaseException) -> URL | None:
        """Told that no answer came: where it goes instead, None where nowhere."""
        member, now = self._member, self._fleet.clock()
        if member is None:
            return None
        unreached = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
        if unreached:
            member.health.unreached(now)
        else:
            member.health.failed(now)
        self._drop("unreached" if unreached else "broken")
        broken = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
        if not self._repeatable or not (unreached or broken):
            return None
        found = self._next()
        if found is not None:
            self._fleet.failovers += 1
        return found

    def begun(self, good: bool) -> None:
        """The first byte of an answer came, or a bad one's head."""
        if self._sent is not None and good:
            self._fleet.affinity.begun(self._sent)

    def mark(self) -> tuple[bytes, bytes] | None:
        """The header that names the replica, where the operator wants it."""
        if self._member is None or not self._fleet.upstream.replica_header:
            return None
        return HEADER, self._member.name.encode()

    def over(self, status: int, whole: bool, usage: Usage | None) -> None:
        """What became of it."""
        member, sent, choice = self._member, self._sent, self._choice
        if member is None or sent is None or choice is None:
            return
        if status in _ILL:
            member.health.failed(self._fleet.clock())
        elif status < 500 and status != CLIENT_GONE:
            member.health.answered()
        if not (whole and 200 <= status < 300):
            self._drop("left" if status == CLIENT_GONE else "failed")
            return
        self._sent = None
        member.counts["answered"] += 1
        member.counts["tokens_expected"] += choice.held
        member.counts["tokens_best"] += choice.best
        tokens = usage.input if usage is not None else None
        read = usage.read if usage is not None else None
        member.counts["tokens_read"] += read or 0
        self._fleet.affinity.ended(sent, read, tokens)
        member.settle()

    def _next(self) -> URL | None:
        found = self._fleet.affinity.choose(self._asked, self._fleet.clock(), self._tried)
        if found is None:
            self._member = None
            return None
        self._choice = found
        self._member = member = self._fleet.members[found.name]
        self._tried.append(member.name)
        self._sent = self._fleet.affinity.sent(found, self._asked, self._fleet.clock())
        self._headers.pop(RANK_HEADER, None)
        if member.table.rank is not None:
            self._headers[RANK_HEADER] = str(member.table.rank)
        member.settle()
        return self._url_of(member.upstream)

    def _drop(self, outcome: str) -> None:
        sent, self._sent = self._sent, None
        if sent is not None:
            self._fleet.affinity.failed(sent)
        if self._member is not None:
            self._member.counts[outcome] += 1
            self._member.settle()

    def _credential(self) -> dict[str, str]:
        return {
            name: value
            for name, value in self._headers.items()
            if name.lower() in ("authorization", "api-key", "x-api-key")
        }
