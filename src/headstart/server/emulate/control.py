"""``/_headstart/...``: the emulating server's clock, its journal, and its answers."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headstart.dialects import DialectError
from headstart.prompt import spans
from headstart.server.emulate.journal import Entry, counts, summary
from headstart.server.emulate.state import State
from headstart.usage import MissReason, Usage

_MOST_LISTED = 1000


class Control:
    """Routes for whoever runs the server; they carry no credential and bind with it."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/_headstart/clock", self.clock, methods=["GET", "POST"]),
            Route("/_headstart/requests", self.requests, methods=["GET", "DELETE"]),
            Route("/_headstart/requests/{id}", self.request),
            Route("/_headstart/answers", self.answers, methods=["POST"]),
            Route("/_headstart/stats", self.stats),
            Route("/_headstart/reset", self.reset, methods=["POST"]),
            Route("/healthz", self.healthz),
        ]

    async def clock(self, http: Request) -> Response:
        """GET: what it shows. POST ``{"advance": seconds}``, ``{"now": seconds}`` or
        ``{"stands": true|false}``: move, set, stop it."""
        clock = self._state.clock
        if http.method == "POST":
            try:
                _move(self._state, await self._object(http, {"advance", "now", "stands"}))
            except ValueError as error:
                return _refuse(str(error))
            except DialectError as error:
                return _refuse(error.message, error.status)
        return _json({"now": clock.now(), "stands": clock.stands})

    async def requests(self, http: Request) -> Response:
        """GET ``?after=NUMBER&limit=N&reason=REASON``: the latest ones, oldest first.
        DELETE: forget them (the caches stay as they are)."""
        journal = self._state.journal
        if http.method == "DELETE":
            journal.clear()
            return _json({})
        try:
            after = int(http.query_params.get("after", "0"))
            limit = min(int(http.query_params.get("limit", "100")), _MOST_LISTED)
        except ValueError:
            return _refuse("after and limit take whole numbers")
        if limit < 1:
            return _refuse("limit takes a number from 1 on")
        reason = http.query_params.get("reason")
        if reason not in (None, *MissReason):
            return _refuse(f"reason takes one of {', '.join(MissReason)}")
        found = [
            entry
            for entry in journal
            if entry.number > after and reason in (None, entry.lookup.reason)
        ]
        return _json({"requests": [summary(entry) for entry in found[-limit:]]})

    async def request(self, http: Request) -> Response:
        """One entry, with the place where it leaves the nearest earlier one and what looks
        volatile in front of it."""
        entry = self._state.journal.get(http.path_params["id"])
        if entry is None:
            return _refuse("no such request, or no longer held", 404)
        split, earlier = self._state.journal.split(entry), self._state.journal.earlier(entry)
        shown = {
            **summary(entry),
            "against": earlier.id if earlier else None,
            "diff": split.render() if split else None,
            "remedy": split.remedy if split else None,
            "volatile": volatile(entry),
        }
        return _json(shown)

    async def answers(self, http: Request) -> Response:
        """POST ``{"text": ...}``: the next request gets this answer."""
        try:
            wanted = await self._object(http, {"text"})
        except ValueError as error:
            return _refuse(str(error))
        except DialectError as error:
            return _refuse(error.message, error.status)
        if not isinstance(wanted.get("text"), str):
            return _refuse("text: a string is expected")
        self._state.answers.give(wanted["text"])
        return _json({})

    async def stats(self, http: Request) -> Response:
        """Sums over the requests that are still held."""
        entries = list(self._state.journal)
        usage = sum((entry.usage for entry in entries), Usage())
        reasons: dict[str, int] = {}
        for entry in entries:
            if entry.lookup.reason is not None:
                reasons[entry.lookup.reason] = reasons.get(entry.lookup.reason, 0) + 1
        return _json(
            {
                "requests": len(entries),
                "usage": counts(usage),
                "hit_rate": usage.hit_rate,
                "cost": sum(entry.lookup.cost or 0.0 for entry in entries),
                "cost_without_cache": sum(entry.lookup.uncached or 0.0 for entry in entries),
                "reasons": reasons,
            }
        )

    async def reset(self, http: Request) -> Response:
        """Empty caches, journal and answers; the clock goes on."""
        self._state.reset()
        return _json({})

    async def healthz(self, http: Request) -> Response:
        """200 while it serves."""
        return _json({"status": "ok"})

    async def _object(self, http: Request, known: set[str]) -> dict[str, Any]:
        """The body as an object of these keys only; ValueError, DialectError."""
        try:
            value = msgspec.json.decode(await self._state.read_body(http))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the body is not valid JSON: {error}") from None
        if not isinstance(value, dict) or not value:
            raise ValueError(f"expected an object with {' or '.join(sorted(known))}")
        unknown = sorted(set(value) - known)
        if unknown:
            raise ValueError(f"unknown key {unknown[0]!r} (known: {', '.join(sorted(known))})")
        return value


def volatile(entry: Entry) -> list[dict[str, Any]]:
    """What looks as if it changed from request to request, segment by segment."""
    return [
        {
            "segment": index,
            "role": segment.role,
            "kind": span.kind,
            "start": span.start,
            "end": span.end,
            "text": segment.text[span.start : span.end],
        }
        for index, segment in enumerate(entry.prompt.segments)
        for span in spans(segment.text)
    ]


def _move(state: State, wanted: dict[str, Any]) -> None:
    """ValueError, and no change, for anything but what ``Control.clock`` says."""
    clock, stands = state.clock, wanted.get("stands")
    if not isinstance(stands, (bool, type(None))):
        raise ValueError("stands: true or false is expected")
    steps = []
    for key, move in (("advance", clock.advance), ("now", clock.move_to)):
        value = wanted.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float, type(None))):
            raise ValueError(f"{key}: a number of seconds is expected")
        if value is not None:
            steps.append((move, float(value)))
    if len(steps) > 1:
        raise ValueError("advance and now exclude each other")
    for move, value in steps:
        move(value)
    if stands is not None:
        (clock.stop if stands else clock.run)()


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _refuse(message: str, status: int = 400) -> Response:
    body = {"error": {"message": message}, "request_id": f"req_{secrets.token_hex(12)}"}
    return Response(msgspec.json.encode(body), status, media_type="application/json")
