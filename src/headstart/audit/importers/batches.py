"""Batches: files of requests, files of results, and both joined by ``custom_id``.

OpenAI's (``body``, ``response.body``) and Anthropic's (``params``, ``result.message``). When a
request of a batch was really sent, no file says: times are those at which an answer was begun.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from headstart.audit.importers.addresses import Address, address_of
from headstart.audit.importers.answers import Answer, answer_in
from headstart.audit.importers.bodies import Body, body_of
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.values import (
    Row,
    any_of,
    count_of,
    decoded,
    first,
    instant_of,
    member,
    name_of,
)
from headstart.audit.record import Place, Record

_KIND: Final = "batch"
_ERRED: Final = 400


class Result(NamedTuple):
    """What is kept of one result until its request is read."""

    place: Place
    answer: Answer
    status: int | None
    created: float | None


class BatchResults(Importer):
    """Results on their own: usage without prompts."""

    name = "batch-results"
    about = "results of OpenAI's and Anthropic's batches"

    @classmethod
    def takes(cls, row: Row) -> bool:
        return "custom_id" in row and ("response" in row or "result" in row)

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        yield record_of(result_of(row, place), None, place, name_of(first(row, ("custom_id",))))


class BatchRequests(Importer):
    """Requests, with whatever results were read before."""

    name = "batch"
    about = "requests of OpenAI's and Anthropic's batches, joined with their results"

    def __init__(self) -> None:
        self._results: dict[str, deque[Result]] = {}
        self._repeated = self._alone = 0

    @classmethod
    def takes(cls, row: Row) -> bool:
        return "custom_id" in row and ("body" in row or "params" in row)

    @property
    def notes(self) -> tuple[str, ...]:
        found = []
        if self._repeated:
            found.append(
                f"{self._repeated} custom_ids stand in several result files: "
                "joined in the order of the files"
            )
        if self._alone:
            found.append(f"{self._alone} requests of batches without a result")
        return tuple(found)

    def answered(self, row: Row, place: Place) -> None:
        """Take in one row of results; Unreadable."""
        name = name_of(first(row, ("custom_id",)))
        if name is None:
            raise Unreadable("its custom_id is none")
        waiting = self._results.setdefault(name, deque())
        self._repeated += bool(waiting)
        waiting.append(result_of(row, place))

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        name = name_of(first(row, ("custom_id",)))
        raw = row.get("body") or row.get("params")
        if raw is None:
            raise Unreadable("it has no request")
        address = address_of(name_of(first(row, ("url",))))
        waiting = self._results.get(name or "")
        result = waiting.popleft() if waiting else None
        self._alone += result is None
        if not address.other:
            yield record_of(result, _body(raw, address), place, name)

    def finish(self) -> Iterator[Item]:
        for name, waiting in self._results.items():
            for result in waiting:
                yield record_of(result, None, result.place, name)
        self._results.clear()


def result_of(row: Row, place: Place) -> Result:
    """Unreadable for a row without a response."""
    value = first(row, ("response", "result"))
    if value is None:
        value = {"status_code": _ERRED}  # it stands under "error", and the request was not run
    if not isinstance(value, dict):
        raise Unreadable("its response is no object")
    body = any_of(value, "body", "message")
    status = count_of(value.get("status_code"))
    if status is None:
        status = None if value.get("type") in (None, "succeeded") else _ERRED
    created = instant_of(any_of(body, "created", "created_at"))
    return Result(place, answer_in(body), status, created)


def record_of(result: Result | None, body: Body | None, place: Place, name: str | None) -> Record:
    """Of a request, its result, or both."""
    answer = result.answer if result else Answer()
    return Record(
        place,
        model=(body.model if body else None) or answer.model or "",
        provider=body.provider if body else None,
        time=result.created if result else None,
        id=answer.id or (f"{place.path}#{name}" if name else None),
        kind=_KIND,
        dialect=body.hosted.name if body else None,
        prompt=body.prompt if body else None,
        usage=answer.usage,
        output=answer.usage.output if answer.usage else None,
        status=result.status if result else None,
        stream=False,
    )


def _body(raw: msgspec.Raw, address: Address) -> Body:
    return body_of(raw, address=address)


class Stored(Importer):
    """Answers that OpenAI keeps: chat completions and responses, with the messages that led to
    them where an export has added these."""

    name = "openai-stored"
    about = "OpenAI's stored completions and responses"

    @classmethod
    def takes(cls, row: Row) -> bool:
        if "object" not in row or "request" in row:
            return False
        return decoded(row["object"]) in ("chat.completion", "response")

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        value: dict[str, Any] = {name: decoded(raw) for name, raw in row.items()}
        answer = answer_in(value)
        body = _stored(row)
        if body is None and answer.usage is None:
            raise Unreadable("neither a prompt nor usage")
        yield Record(
            place,
            model=answer.model or "",
            provider="openai",
            time=instant_of(any_of(value, "created", "created_at")),
            id=answer.id,
            conversation=name_of(member(value, "conversation", "id")),
            dialect=body.hosted.name if body else None,
            prompt=body.prompt if body else None,
            usage=answer.usage,
            output=answer.usage.output if answer.usage else None,
            confirmed=answer.confirmed,
        )


_ASKED: Final = ("messages", "input", "input_items")
_KEPT: Final = (
    *("model", "messages", "input", "instructions", "tools", "tool_choice", "text", "reasoning"),
    *("previous_response_id", "conversation", "prompt_cache_key", "service_tier"),
    *("prompt_cache_options", "response_format", "reasoning_effort", "parallel_tool_calls"),
)


def _stored(row: Row) -> Body | None:
    if not any(name in row for name in _ASKED):
        return None
    asked = {name: row[name] for name in _KEPT if name in row}
    if "input" not in asked and "input_items" in row:
        asked["input"] = row["input_items"]
    try:
        return body_of(msgspec.json.encode(asked), provider="openai")
    except Unreadable:
        return None
