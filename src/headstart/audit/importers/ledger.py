"""Headstart's own ledger, a SQLite file: what each request read, wrote and cost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from headstart.audit.importers.bodies import Body, body_of
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.rows import Foreign
from headstart.audit.importers.values import Row
from headstart.audit.record import Place, Record
from headstart.usage import RequestRecord

_MOST: Final = 2**31
_MAGIC: Final = b"SQLite format 3\0"


class Ledger(Importer):
    """The name by which a ledger is asked for: it is read as a whole, by ``read_ledger``."""

    name = "ledger"
    about = "Headstart's own ledger (SQLite)"
    alone = False

    @classmethod
    def takes(cls, row: Row) -> bool:
        return False

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        raise Unreadable("a ledger is a SQLite file")


def is_ledger(path: str) -> bool:
    """Whether it is a file with a SQLite database; OSError."""
    if not os.path.isfile(path):
        return False  # from a pipe, what is looked at is gone
    with open(path, "rb", buffering=0) as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_ledger(path: str) -> Iterator[Item]:
    """Its requests in the order in which they came, each with its prompt where that was kept;
    Foreign for a database that is no ledger of this version."""
    # SQL is loaded only where there is something to ask it.
    from headstart.ledger import LedgerError, Reader, Which

    number = 0
    try:
        with Reader.open(path) as reader:
            for hour in sorted(reader.by("hour", Which())):
                which = Which(hour * 3600.0, (hour + 1) * 3600.0)
                for kept in reversed(list(reader.records(which, _MOST))):
                    number += 1
                    yield _record(kept, Place(path, number))
    except LedgerError as error:
        raise Foreign(str(error)) from None


def _record(kept: RequestRecord, place: Place) -> Record:
    body = _body(kept)
    return Record(
        place,
        model=kept.model,
        provider=kept.provider or None,
        time=kept.time,
        id=kept.id,
        kind=kept.route,
        dialect=body.hosted.name if body else None,
        prompt=body.prompt if body else None,
        usage=None if kept.estimated else kept.usage,
        output=kept.usage.output,
        status=kept.status,
        stream=kept.stream,
        ttft=kept.ttft,
        latency=kept.latency,
        cost=kept.cost,
        confirmed=kept.reason.value if kept.confirmed and kept.reason else None,
    )


def _body(kept: RequestRecord) -> Body | None:
    if kept.prompt is None:
        return None
    try:
        raw = kept.prompt.encode("utf-8", "replace")
        return body_of(raw, model=kept.model, provider=kept.provider)
    except Unreadable:
        return None
