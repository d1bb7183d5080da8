"""Langfuse's observations: its generations, exported as JSON or JSONL.

``usageDetails`` should be exclusive; older data has cached tokens in ``input`` as well, which
``total`` gives away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from headstart.audit.importers.bodies import Body, body_of
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.values import (
    Row,
    any_of,
    between,
    count_of,
    decoded,
    first,
    instant_of,
    member,
    name_of,
    number_of,
    seconds_of,
)
from headstart.audit.record import Place, Record
from headstart.usage import Usage

_USAGES: Final = ("usageDetails", "usage_details", "usage")
_READ: Final = ("input_cache_read", "input_cached_tokens", "cache_read_input_tokens")
_WRITTEN: Final = ("input_cache_creation", "cache_creation_input_tokens", "input_cache_write")
_5M: Final = ("input_cache_creation_5m", "input_cache_creation_ephemeral_5m")
_1H: Final = ("input_cache_creation_1h", "input_cache_creation_ephemeral_1h")
_PROMPTS: Final = ("messages", "contents", "input", "system")


class Langfuse(Importer):
    """Observations that are no generation are left out."""

    name = "langfuse"
    about = "Langfuse's observations"

    def __init__(self) -> None:
        self._other = self._doubled = 0

    @classmethod
    def takes(cls, row: Row) -> bool:
        traced = "traceId" in row or "trace_id" in row
        timed = "startTime" in row or "start_time" in row
        return traced and timed and any(name in row for name in ("type", *_USAGES[:2]))

    @property
    def notes(self) -> tuple[str, ...]:
        found = []
        if self._other:
            found.append(f"{self._other} observations that are no generation left out")
        if self._doubled:
            found.append(f"{self._doubled} generations count cached tokens twice: mended")
        return tuple(found)

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        if (name_of(first(row, ("type",))) or "GENERATION").upper() != "GENERATION":
            self._other += 1
            return
        model = name_of(first(row, ("model", "providedModelName", "provided_model_name"))) or ""
        body = _body(row, model)
        usage = self._usage(first(row, _USAGES))
        if body is None and usage is None:
            raise Unreadable("neither a prompt nor token counts")
        sent, began, ended = (
            instant_of(first(row, names))
            for names in (
                ("startTime", "start_time"),
                ("completionStartTime", "completion_start_time"),
                ("endTime", "end_time"),
            )
        )
        costs = first(row, ("costDetails", "cost_details"))
        cost = number_of(first(row, ("totalCost", "total_cost", "calculatedTotalCost")))
        yield Record(
            place,
            model=model,
            provider=body.provider if body else None,
            time=sent,
            id=name_of(first(row, ("id",))),
            conversation=name_of(
                first(row, ("sessionId", "session_id", "traceId", "trace_id")),
            ),
            kind=name_of(first(row, ("name",))) or "",
            dialect=body.hosted.name if body else None,
            prompt=body.prompt if body else None,
            usage=usage,
            output=usage.output if usage else None,
            status=500 if first(row, ("level",)) == "ERROR" else None,
            ttft=between(sent, began) or seconds_of(first(row, ("timeToFirstToken",))),
            latency=between(sent, ended),
            cost=cost if cost is not None else number_of(member(costs, "total")),
        )

    def _usage(self, details: Any) -> Usage | None:
        fresh, output = (count_of(any_of(details, n)) for n in ("input", "output"))
        if fresh is None and output is None:
            return None
        fresh, output = fresh or 0, output or 0
        read = count_of(any_of(details, *_READ)) or 0
        five, hour = (count_of(any_of(details, *names)) or 0 for names in (_5M, _1H))
        written = count_of(any_of(details, *_WRITTEN))
        other = max(0, written - five - hour) if written is not None else 0
        cached = read + five + hour + other
        if 0 < cached <= fresh and count_of(any_of(details, "total")) == fresh + output:
            self._doubled += 1
            fresh -= cached
        return Usage(fresh, read, five, hour, other, output)


def _body(row: Row, model: str) -> Body | None:
    given = first(row, ("input",))
    if isinstance(given, str):
        inner = decoded(given.encode("utf-8", "replace")) if given[:1] in ("{", "[") else None
        given = inner if inner is not None else [{"role": "user", "content": given}]
    if isinstance(given, list):
        given = {"messages": given}
    if not isinstance(given, Mapping) or not any(given.get(name) for name in _PROMPTS):
        return None
    try:
        return body_of(msgspec.json.encode({"model": model, **given}), model=model or None)
    except Unreadable:
        return None
