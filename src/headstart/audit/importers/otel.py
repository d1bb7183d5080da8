"""OpenTelemetry's GenAI spans, as OTLP JSON or one span a line.

``gen_ai.usage.input_tokens`` includes what was read and written; instrumentations that follow
Anthropic's own numbers leave it out, which shows where the parts are more than the whole. Spans
of agents and tools repeat the counts of the calls within them and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from headstart.audit.importers.addresses import provider_named
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.otel_messages import prompt_in
from headstart.audit.importers.values import (
    Row,
    between,
    count_of,
    decoded,
    instant_of,
    name_of,
    seconds_of,
)
from headstart.audit.record import Broken, Place, Record
from headstart.usage import Usage

_USAGE: Final = "gen_ai.usage."
_TOTAL: Final = ("input_tokens", "prompt_tokens")
_OUTPUT: Final = ("output_tokens", "completion_tokens")
_READ: Final = (
    *("cache_read.input_tokens", "cache_read_input_tokens", "input_cached_tokens"),
    *("cached_input_tokens", "details.cache_read_input_tokens", "cache_read"),
)
_WRITTEN: Final = (
    *("cache_creation.input_tokens", "cache_creation_input_tokens"),
    *("cache_write.input_tokens", "cache_write_input_tokens"),
    *("details.cache_creation_input_tokens", "cache_write", "cache_creation"),
)
_GENERATING: Final = ("chat", "text_completion", "generate_content", "completion", "responses")
_TIMES: Final = ("startTimeUnixNano", "start_time", "startTime")
_ENDS: Final = ("endTimeUnixNano", "end_time", "endTime")
_CONVERSATIONS: Final = ("gen_ai.conversation.id", "session.id", "gen_ai.thread.id")


class Otel(Importer):
    """All GenAI spans of a row, which may be one or many."""

    name = "otel"
    about = "OpenTelemetry GenAI spans (OTLP JSON)"
    many = True

    def __init__(self) -> None:
        self._other = self._exclusive = 0

    @classmethod
    def takes(cls, row: Row) -> bool:
        if "resourceSpans" in row or "resource_spans" in row:
            return True
        named = "spanId" in row or "span_id" in row or "context" in row
        return "attributes" in row and named and "name" in row

    @property
    def notes(self) -> tuple[str, ...]:
        found = []
        if self._other:
            found.append(f"{self._other} spans that are no call of a model left out")
        if self._exclusive:
            found.append(
                f"{self._exclusive} spans count cached tokens beside their input, not in it"
            )
        return tuple(found)

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        value = {name: decoded(raw) for name, raw in row.items()}
        if "attributes" in row:
            yield from self._span(value, place)
            return
        for number, span in enumerate(_spans(value), 1):
            at = place if place.line else Place(place.path, number)
            try:
                yield from self._span(span, at)
            except Unreadable as problem:
                yield Broken(at, str(problem))

    def _span(self, span: Any, place: Place) -> Iterator[Item]:
        if not isinstance(span, dict):
            raise Unreadable("a span that is no object")
        attributes = _attributes(span.get("attributes"))
        operation = attributes.get("gen_ai.operation.name") or attributes.get("llm.request.type")
        model = name_of(attributes.get("gen_ai.request.model")) or ""
        answered = name_of(attributes.get("gen_ai.response.model")) or ""
        if (operation or "chat") not in _GENERATING or not (model or answered):
            self._other += 1
            return
        provider = attributes.get("gen_ai.provider.name") or attributes.get("gen_ai.system")
        usage = self._usage(attributes)
        prompt = prompt_in(attributes, span.get("events"), model or answered)
        sent, ended = (instant_of(_first(span, names)) for names in (_TIMES, _ENDS))
        first_chunk = seconds_of(attributes.get("gen_ai.response.time_to_first_chunk"))
        conversation = name_of(_first(attributes, _CONVERSATIONS))
        stream = attributes.get("gen_ai.request.stream")
        yield Record(
            place,
            model=model or answered,
            provider=provider_named(name_of(provider)),
            time=sent,
            id=name_of(attributes.get("gen_ai.response.id")) or _span_id(span),
            conversation=conversation or name_of(span.get("traceId")),
            prompt=prompt,
            usage=usage,
            output=usage.output if usage else None,
            status=500 if attributes.get("error.type") else None,
            stream=stream if isinstance(stream, bool) else None,
            ttft=first_chunk,
            latency=between(sent, ended),
        )

    def _usage(self, attributes: Mapping[str, Any]) -> Usage | None:
        total, output = _count(attributes, _TOTAL), _count(attributes, _OUTPUT)
        if total is None and output is None:
            return None
        total = total or 0
        read, written = _count(attributes, _READ) or 0, _count(attributes, _WRITTEN) or 0
        if read + written > total:
            self._exclusive += 1
            total += read + written
        fresh = total - read - written
        return Usage(fresh, read, write_other=written, output=output or 0)


def _spans(value: Mapping[str, Any]) -> Iterator[Any]:
    for resource in _lists(value, "resourceSpans", "resource_spans"):
        for scope in _lists(resource, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
            yield from _lists(scope, "spans")


def _lists(value: Any, *names: str) -> Iterator[Any]:
    for name in names:
        found = value.get(name) if isinstance(value, dict) else None
        if isinstance(found, list):
            yield from found


def _attributes(found: Any) -> dict[str, Any]:
    """OTLP's list of typed values, or a plain object, as one object of plain values."""
    if isinstance(found, dict):
        return found
    pairs = (item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()
    return {str(item.get("key")): plain(item.get("value")) for item in pairs}


def plain(value: Any) -> Any:
    """The value of an OTLP ``AnyValue``; integers stand there as text."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    kind, held = next(iter(value.items()))
    if kind in ("intValue", "int_value"):
        return int(held) if isinstance(held, str) and held.isdigit() else held
    if kind in ("arrayValue", "array_value"):
        items = held.get("values") if isinstance(held, dict) else None
        return [plain(item) for item in items] if isinstance(items, list) else []
    if kind in ("kvlistValue", "kvlist_value"):
        return _attributes(held.get("values") if isinstance(held, dict) else None)
    simple = ("stringValue", "boolValue", "doubleValue", "string_value", "bool_value")
    return held if kind in simple else value


def _count(attributes: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    found = (count_of(attributes.get(f"{_USAGE}{name}")) for name in names)
    return next((count for count in found if count is not None), None)


def _first(value: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _span_id(span: dict[str, Any]) -> str | None:
    context = span.get("context")
    found = context.get("span_id") if isinstance(context, dict) else None
    return name_of(span.get("spanId") or span.get("span_id") or found)
