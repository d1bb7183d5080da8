"""HAR: what a browser or a proxy saw of the traffic. Credentials are in its headers, of which
next to nothing is looked at."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from headstart.audit.importers.addresses import Address, address_of
from headstart.audit.importers.answers import NO_ANSWER, Answer, answer_in
from headstart.audit.importers.bodies import Body, body_of, kept_headers
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.values import (
    Row,
    count_of,
    decoded,
    instant_of,
    member,
    seconds_of,
)
from headstart.audit.record import Broken, Place, Record

_EVENTS: Final = "application/vnd.amazon.eventstream"


class _Log(msgspec.Struct):
    entries: list[msgspec.Raw] = []


_LOG: Final = msgspec.json.Decoder(_Log)


class Har(Importer):
    """Entries that are no calls of a model are left out."""

    name = "har"
    about = "HAR files"
    many = True

    def __init__(self) -> None:
        self._other = 0

    @classmethod
    def takes(cls, row: Row) -> bool:
        return "log" in row and b'"entries"' in bytes(memoryview(row["log"]))

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"{self._other} entries that call no model left out",) if self._other else ()

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        try:
            entries = _LOG.decode(row["log"]).entries if "log" in row else []
        except (ValueError, RecursionError):
            raise Unreadable("its log has no list of entries") from None
        for number, raw in enumerate(entries, 1):
            at = place if place.line else Place(place.path, number)
            try:
                record = self._entry(decoded(raw), at)
            except Unreadable as problem:
                yield Broken(at, str(problem))
                continue
            if record is not None:
                yield record

    def _entry(self, entry: Any, place: Place) -> Record | None:
        """None for what calls no model."""
        url = member(entry, "request", "url")
        text = member(entry, "request", "postData", "text")
        address = address_of(url) if isinstance(url, str) else Address()
        known = address.hosted is not None
        if not isinstance(text, str) or address.other or not (known or _asks(text)):
            self._other += 1
            return None
        headers = kept_headers(member(entry, "request", "headers"))
        status = count_of(member(entry, "response", "status"))
        body = self._body(text, address, headers, strict=known and (status or 0) < 400)
        if body is None and not known:
            return None
        answer = _answer(member(entry, "response", "content"), body)
        return Record(
            place,
            model=(body.model if body else None) or answer.model or "",
            provider=body.provider if body else address.provider,
            time=instant_of(member(entry, "startedDateTime")),
            id=answer.id,
            conversation=body.prompt.controls.session if body else None,
            dialect=body.hosted.name if body else None,
            prompt=body.prompt if body else None,
            usage=answer.usage,
            output=answer.usage.output if answer.usage else None,
            status=status or None,
            stream=body.stream if body else None,
            ttft=seconds_of(member(entry, "timings", "wait"), 1e-3),
            latency=seconds_of(member(entry, "time"), 1e-3),
            cost=answer.cost,
            confirmed=answer.confirmed,
        )

    def _body(
        self, text: str, address: Address, headers: dict[str, str], *, strict: bool
    ) -> Body | None:
        try:
            return body_of(text.encode("utf-8", "replace"), address=address, headers=headers)
        except Unreadable:
            if strict:
                raise
            self._other += address.hosted is None
            return None


def _asks(text: str) -> bool:
    """Whether a posted text may be a prompt for a model."""
    return '"model"' in text and ('"messages"' in text or '"input"' in text)


def _answer(content: Any, body: Body | None) -> Answer:
    text = member(content, "text")
    if not isinstance(text, str):
        return NO_ANSWER
    hosted = body.hosted if body else None
    if member(content, "encoding") != "base64":
        return answer_in(text, hosted)
    try:
        data = b64decode(text)
    except (Error, ValueError):
        return NO_ANSWER
    if hosted is not None and str(member(content, "mimeType")).startswith(_EVENTS):
        reader = hosted.usage_reader()
        reader.feed(data)
        return Answer(reader.usage)
    return answer_in(data.decode("utf-8", "replace"), hosted)
