"""Helicone's requests, exported with their bodies.

Its ``cache_*`` columns are those of its own cache of responses, behind which no provider was
asked. ``prompt_tokens`` is as the provider counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import msgspec

from headstart.audit.importers.addresses import address_of, provider_named
from headstart.audit.importers.answers import answer_in
from headstart.audit.importers.bodies import Body, body_of
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.resuming import Resuming
from headstart.audit.importers.values import (
    Row,
    any_of,
    count_of,
    decoded,
    first,
    instant_of,
    name_of,
    number_of,
    seconds_of,
)
from headstart.audit.record import Place, Record
from headstart.usage import Usage

_SESSION: Final = ("Helicone-Session-Id", "helicone-session-id", "sessionId", "session_id")
_NO_REFERENCE: Final = "00000000-0000-0000-0000-000000000000"
_EXCLUSIVE: Final = ("anthropic", "bedrock")


class Helicone(Importer):
    """One request a row."""

    name = "helicone"
    about = "Helicone's exported requests"

    def __init__(self) -> None:
        self._repeated = self._without = 0
        self._resuming = Resuming()

    @classmethod
    def takes(cls, row: Row) -> bool:
        named = "request_created_at" in row or "response_created_at" in row
        return named and ("request_id" in row or "response_id" in row)

    @property
    def notes(self) -> tuple[str, ...]:
        found = []
        if self._repeated:
            found.append(f"{self._repeated} answers out of Helicone's own cache left out")
        if self._without:
            found.append(f"{self._without} requests without their bodies: usage alone")
        return tuple(found)

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        if first(row, ("cache_reference_id",)) not in (None, "", _NO_REFERENCE):
            self._repeated += 1
            return
        model = name_of(first(row, ("request_model", "model", "response_model"))) or ""
        provider = name_of(first(row, ("provider",)))
        body = _body(row, model, provider, self._resuming)
        self._without += body is None
        answer = answer_in(first(row, ("response_body",)), body.hosted if body else None)
        named = provider_named(provider) or (body.provider if body else None)
        usage = answer.usage or _counts(row, named)
        status = count_of(first(row, ("response_status",)))
        if body is None and usage is None and (status or 0) < 400:
            raise Unreadable("neither a prompt nor token counts")
        properties = first(row, ("request_properties", "properties"))
        yield Record(
            place,
            model=model or (body.model if body else "") or answer.model or "",
            provider=named,
            time=instant_of(first(row, ("request_created_at",))),
            id=name_of(first(row, ("request_id",))) or answer.id,
            conversation=name_of(any_of(properties, *_SESSION)),
            dialect=body.hosted.name if body else None,
            prompt=body.prompt if body else None,
            usage=usage,
            output=usage.output if usage else None,
            status=status,
            stream=body.stream if body else None,
            ttft=seconds_of(first(row, ("time_to_first_token",)), 1e-3),
            latency=seconds_of(first(row, ("delay_ms",)), 1e-3),
            cost=number_of(first(row, ("cost", "costUSD", "cost_usd"))),
        )


def _body(row: Row, model: str, provider: str | None, resuming: Resuming) -> Body | None:
    given = first(row, ("request_body",))
    if isinstance(given, str):
        given = decoded(given.encode("utf-8", "replace"))
    if not isinstance(given, dict) or len(given) < 2:
        return None
    address = address_of(name_of(first(row, ("request_path",))))
    try:
        raw = msgspec.json.encode(given)
        read = partial(body_of, model=model or None, provider=provider, address=address)
        return resuming.read(raw, read)
    except Unreadable:
        return None


def _counts(row: Row, provider: str | None) -> Usage | None:
    total, output = (count_of(first(row, (n,))) for n in ("prompt_tokens", "completion_tokens"))
    if total is None and output is None:
        return None
    read = count_of(first(row, ("prompt_cache_read_tokens",))) or 0
    written = count_of(first(row, ("prompt_cache_write_tokens",))) or 0
    fresh = total or 0
    if provider not in _EXCLUSIVE and read + written <= fresh:
        fresh -= read + written
    return Usage(fresh, read, write_other=written, output=output or 0)
