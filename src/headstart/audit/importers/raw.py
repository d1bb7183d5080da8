"""Raw requests and responses: bare bodies, ``{timestamp, request, response}``, HTTP-like
wrappers, in any dialect, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

import msgspec

from headstart.audit.importers.addresses import Address, address_of, provider_named
from headstart.audit.importers.answers import Answer, answer_of, usage_in
from headstart.audit.importers.bodies import Body, body_of, kept_headers, unquoted
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.resuming import Resuming
from headstart.audit.importers.values import (
    Row,
    begins,
    count_of,
    decoded,
    first,
    instant_of,
    name_of,
    number_of,
    seconds_of,
)
from headstart.audit.record import Place, Record

_PROMPTS: Final = ("messages", "contents", "input", "previous_response_id")
_REQUESTS: Final = ("request", "request_body", "requestBody", "body", "payload", "req", "kwargs")
_RESPONSES: Final = ("response", "response_body", "responseBody", "resp", "output", "completion")
_BODIES: Final = ("body", "json", "data", "payload", "content", "parsed")
_TIMES: Final = (
    *("timestamp", "time", "ts", "@timestamp", "request_time", "requestTime", "started_at"),
    *("start_time", "startTime", "created_at", "createdAt", "datetime", "date"),
)
_CONVERSATIONS: Final = (
    *("conversation_id", "conversationId", "conversation", "session_id", "sessionId", "session"),
    *("thread_id", "threadId", "chat_id", "trace_id", "traceId"),
)
_IDS: Final = ("request_id", "requestId", "id", "uuid")
_STATUSES: Final = ("status", "status_code", "statusCode", "response_status", "http_status")
_LATENCIES: Final = (
    ("latency_ms", 1e-3),
    ("latencyMs", 1e-3),
    ("duration_ms", 1e-3),
    ("durationMs", 1e-3),
    ("latency", 1.0),
    ("duration", 1.0),
    ("elapsed", 1.0),
)
_TTFTS: Final = (
    ("ttft_ms", 1e-3),
    ("time_to_first_token_ms", 1e-3),
    ("ttft", 1.0),
    ("time_to_first_token", 1.0),
)
_KINDS: Final = ("kind", "call_type", "feature")
_SHORT: Final = 8
_FAILED: Final = 400


class _Request(NamedTuple):
    """A request's body, and what stands around it."""

    body: msgspec.Raw | bytes | None
    address: Address
    headers: dict[str, str]
    around: Row
    own: bool = False
    """The row itself is the body."""


class Raw(Importer):
    """Every row is one request, with or without its response."""

    name = "raw"
    about = "requests, with or without responses, in any dialect"

    def __init__(self) -> None:
        self._other = self._without = 0
        self._resuming = Resuming()

    @classmethod
    def takes(cls, row: Row) -> bool:
        return any(name in row for name in (*_PROMPTS, *_REQUESTS, "usage", "response"))

    @property
    def notes(self) -> tuple[str, ...]:
        found = []
        if self._other:
            found.append(f"{self._other} calls without a prompt (embeddings, counts) left out")
        if self._without:
            found.append(f"{self._without} requests whose prompt can't be read: usage alone")
        return tuple(found)

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        request = _request(row)
        if request.address.other:
            self._other += 1
            return
        provider = name_of(first(row, ("provider", "custom_llm_provider")))
        model = name_of(first(row, ("model", "modelId")))
        status, response = _response(row)
        body, why = None, "neither a request nor a response with usage"
        if request.body is not None:
            try:
                told = None if request.own else model
                body = self._body(request, told, provider)
            except Unreadable as problem:
                why = str(problem)
        answer = answer_of(response, body.hosted if body else request.address.hosted)
        if answer.usage is None and "usage" in row:
            usage = usage_in(decoded(row["usage"]), body.hosted if body else None)
            answer = answer._replace(usage=usage)
        if body is None and answer.usage is None and (status or 0) < _FAILED:
            raise Unreadable(why)
        self._without += body is None
        yield _record(row, place, request, body, answer, status, model, provider)

    def _body(self, request: _Request, model: str | None, provider: str | None) -> Body:
        assert request.body is not None
        read = partial(
            body_of,
            model=model,
            provider=provider,
            address=request.address,
            headers=request.headers,
        )
        return self._resuming.read(unquoted(request.body), read)


def _record(
    row: Row,
    place: Place,
    request: _Request,
    body: Body | None,
    answer: Answer,
    status: int | None,
    model: str | None,
    provider: str | None,
) -> Record:
    around = request.around
    time = first(row, _TIMES)
    if time is None and around is not row:
        time = first(around, _TIMES)
    conversation = name_of(first(row, _CONVERSATIONS))
    if conversation is None and body is not None:
        conversation = body.prompt.controls.session
    cost = number_of(first(row, ("cost", "cost_usd", "costUSD", "spend")))
    return Record(
        place,
        model=(body.model if body else None) or model or answer.model or "",
        provider=body.provider if body else request.address.provider or provider_named(provider),
        time=instant_of(time),
        id=answer.id or _id(row, place),
        conversation=conversation,
        kind=name_of(first(row, _KINDS)) or "",
        dialect=body.hosted.name if body else None,
        prompt=body.prompt if body else None,
        usage=answer.usage,
        output=answer.usage.output if answer.usage else None,
        status=status,
        stream=body.stream if body else None,
        ttft=_seconds(row, _TTFTS),
        latency=_seconds(row, _LATENCIES),
        cost=cost if cost is not None else answer.cost,
        confirmed=answer.confirmed,
    )


def _id(row: Row, place: Place) -> str | None:
    """The log's own id; a short one is taken to count within its file."""
    name = name_of(first(row, _IDS))
    return f"{place.path}#{name}" if name is not None and len(name) < _SHORT else name


def _request(row: Row) -> _Request:
    """Where the request's body is: the row itself, a field of it, or a field of that."""
    url = name_of(first(row, ("url", "path", "endpoint", "request_path")))
    address = address_of(url)
    if any(name in row for name in ("messages", "contents")):
        return _Request(msgspec.json.encode(row), address, {}, row, True)
    raw = _present(row, _REQUESTS)
    if raw is None:
        own = any(name in row for name in _PROMPTS)
        return _Request(msgspec.json.encode(row) if own else None, address, {}, row, own)
    around = _members(raw)
    if around is None:
        return _Request(raw, address, {}, row)
    headers = kept_headers(decoded(around["headers"])) if "headers" in around else {}
    inner = name_of(first(around, ("url", "path", "uri")))
    address = address_of(inner) if inner else address
    if not any(name in around for name in _PROMPTS):
        raw = _present(around, _BODIES) or raw
    return _Request(raw, address, headers, around)


def _response(row: Row) -> tuple[int | None, msgspec.Raw | None]:
    """HTTP status, and the body of the response."""
    status = count_of(first(row, _STATUSES))
    raw = _present(row, _RESPONSES)
    around = _members(raw) if raw is not None else None
    if around is None:
        return status, raw
    status = count_of(first(around, _STATUSES)) or status
    if "usage" not in around and "usageMetadata" not in around:
        raw = _present(around, _BODIES) or raw
    return status, raw


def _present(row: Row, names: tuple[str, ...]) -> msgspec.Raw | None:
    """The first of these fields that is not null."""
    found = (row[name] for name in names if name in row)
    return next((raw for raw in found if not begins(raw, b"null")), None)


def _members(raw: msgspec.Raw) -> Row | None:
    """The members of an object, which may be JSON in a string; None for anything else."""
    try:
        return _ROW.decode(raw)
    except (ValueError, RecursionError):
        return None


def _seconds(row: Row, names: tuple[tuple[str, float], ...]) -> float | None:
    for name, unit in names:
        if name in row and (found := seconds_of(decoded(row[name]), unit)) is not None:
            return found
    return None


_ROW = msgspec.json.Decoder(Row)
