"""The same ledger in PostgreSQL: against a server where one is named, its SQL everywhere.

``HEADSTART_TEST_POSTGRESQL=postgresql+psycopg://user@host/database``: an empty database.
"""

from __future__ import annotations

import os

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from headstart.ledger import Ledger, Reader, Which, report_of
from headstart.ledger.schema import metadata, requests
from headstart.ledger.sums import SUMS
from headstart.usage import MissReason, Usage
from tests.ledger.samples import NOW, sample

SERVER = os.environ.get("HEADSTART_TEST_POSTGRESQL")


def test_the_schema_and_the_sums_are_postgresql_too() -> None:
    dialect = postgresql.dialect()
    made = {t.name: str(CreateTable(t).compile(dialect=dialect)) for t in metadata.sorted_tables}
    assert "seq BIGSERIAL NOT NULL" in made["headstart_requests"]
    assert "time FLOAT(53) NOT NULL" in made["headstart_requests"]
    assert "outline BYTEA" in made["headstart_details"]
    summed = str(select(*SUMS).where(requests.c.time > 0).compile(dialect=dialect))
    assert "THEN headstart_requests.read END) AS read" in summed


@pytest.mark.skipif(SERVER is None, reason="HEADSTART_TEST_POSTGRESQL names no server")
def test_what_is_written_is_read() -> None:
    assert SERVER is not None
    three = [Ledger.open(SERVER, delay=0.01, retention=None) for _ in range(3)]
    rows = [
        sample(
            id=f"r{number:04}",
            time=NOW + number,
            model=f"\0m\ud800{number % 2}",
            predicted=Usage(read=9000 - number % 7) if number % 2 else None,
            reason=MissReason.EXPIRED if number % 5 == 0 else None,
            ttft=0.1 * number,
            outline=b"\0\xff",
        )
        for number in range(300)
    ]
    for number, row in enumerate(rows):
        three[number % 3].record(row)
    for ledger in three:
        assert ledger.flush(30), ledger.failing
        ledger.close()
        assert not ledger.dropped
    with Reader.open(SERVER) as reader:
        assert reader.totals(Which()).read == 300 * 9000
        assert list(report_of(reader, Which()).models) == ["m?0", "m?1"]
        found = reader.find("r0005")
    assert found is not None
    assert (found.outline, found.reason) == (b"\0\xff", MissReason.EXPIRED)
