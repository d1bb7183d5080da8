"""The same ledger in PostgreSQL, against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from headstart.ledger import Ledger, Reader, Which, report_of
from headstart.ledger.address import address_of
from headstart.ledger.rows import row_of
from headstart.ledger.schema import metadata, requests
from headstart.ledger.store import Store
from headstart.ledger.sums import SUMS
from headstart.usage import MissReason, RequestRecord, Usage
from tests.ledger.postgresql import Server
from tests.ledger.samples import NOW, sample
from tests.waiting import wait_until


def test_the_schema_and_the_sums_are_postgresql_too() -> None:
    dialect = postgresql.dialect()
    made = {t.name: str(CreateTable(t).compile(dialect=dialect)) for t in metadata.sorted_tables}
    assert "seq BIGSERIAL NOT NULL" in made["headstart_requests"]
    assert "time FLOAT(53) NOT NULL" in made["headstart_requests"]
    assert "outline BYTEA" in made["headstart_details"]
    summed = str(select(*SUMS).where(requests.c.time > 0).compile(dialect=dialect))
    assert "THEN headstart_requests.read END) AS read" in summed


def rows_of(count: int, start: int = 0) -> list[RequestRecord]:
    return [
        sample(
            id=f"r{number:05}",
            time=NOW + number,
            model=f"\0m\ud800{number % 2}",
            predicted=Usage(read=9000 - number % 7) if number % 2 else None,
            reason=MissReason.EXPIRED if number % 5 == 0 else None,
            ttft=0.1 * number,
            outline=b"\0\xff",
        )
        for number in range(start, start + count)
    ]


def test_what_several_write_at_once_is_read(postgresql: Server) -> None:
    three = [Ledger.open(postgresql.url, delay=0.01, retention=None) for _ in range(3)]
    for number, row in enumerate(rows_of(300)):
        three[number % 3].record(row)
        three[(number + 1) % 3].record(row)  # a batch whose commit got no answer comes twice
    for ledger in three:
        assert ledger.flush(30), ledger.failing
        ledger.close()
        assert not ledger.dropped
    with Reader.open(postgresql.url) as reader:
        assert reader.totals(Which()).read == 300 * 9000
        assert list(report_of(reader, Which()).models) == ["m?0", "m?1"]
        found = reader.find("r00005")
    assert found is not None
    assert (found.outline, found.reason) == (b"\0\xff", MissReason.EXPIRED)


def test_its_report_is_that_of_a_file(postgresql: Server, tmp_path: Path) -> None:
    reports = []
    for url in (postgresql.url, str(tmp_path / "ledger.db")):
        ledger = Ledger.open(url, delay=0.01, retention=None)
        for row in rows_of(300):
            ledger.record(row)
        ledger.flush(30)
        ledger.close()
        command = [sys.executable, "-m", "headstart", "report", "--ledger", url]
        done = subprocess.run(
            [*command, "--since", "all", "--json"], capture_output=True, check=True, text=True
        )
        found = json.loads(done.stdout)
        del found["until"]
        reports.append(found)
    assert reports[0] == reports[1]


def test_what_is_too_old_goes_whoever_looks_first(postgresql: Server) -> None:
    stores = [Store(address_of(postgresql.url)) for _ in range(2)]
    stores[0].write([row_of(row) for row in rows_of(3000, 10_000)], [], None)
    with ThreadPoolExecutor(2) as pool:
        while any(pool.map(lambda store: store.prune(NOW + 12_500, None), stores)):
            pass
    with Reader.open(postgresql.url) as reader:
        assert reader.find("r12499") is None
        assert reader.find("r12500") is not None
    for store in stores:
        assert not store.roll(NOW + 1e6)  # sums are of files alone
        store.close()


def test_opening_waits_for_nobody_who_writes(postgresql: Server) -> None:
    first, second = (Store(address_of(postgresql.url)) for _ in range(2))
    first.write([row_of(row) for row in rows_of(1, 40_000)], [], None)
    with first._engine.begin() as busy, ThreadPoolExecutor(1) as pool:
        for table in metadata.sorted_tables:
            busy.exec_driver_sql(f"LOCK TABLE {table.name} IN ROW EXCLUSIVE MODE")
        opened = pool.submit(second.write, [row_of(row) for row in rows_of(1, 40_001)], [], None)
        try:
            opened.result(20)
        finally:
            busy.rollback()
    with Reader.open(postgresql.url) as reader:
        assert reader.find("r40001") is not None
    for store in (first, second):
        store.close()


def test_an_outage_keeps_what_waits_and_loses_none_of_it(postgresql: Server) -> None:
    ledger = Ledger.open(postgresql.url, delay=0.01, retention=None)
    rows = rows_of(90, 20_000)
    for row in rows[:30]:
        ledger.record(row)
    assert ledger.flush(30)
    postgresql.stop()
    for row in rows[30:60]:
        ledger.record(row)
    wait_until(lambda: ledger.failing)
    postgresql.start()
    for row in rows[60:]:
        ledger.record(row)
    assert ledger.flush(30), ledger.failing
    assert (ledger.written, ledger.dropped.requests) == (90, 0)
    ledger.close()


def test_one_that_answers_nothing_holds_up_nobody(postgresql: Server) -> None:
    ledger = Ledger.open(postgresql.url, delay=0.01, retention=None, pending_bytes=64 * 1024)
    ledger.record(rows_of(1, 30_000)[0])
    assert ledger.flush(30)
    postgresql.suspend()
    try:
        for row in rows_of(200, 30_001):
            ledger.record(row)
        assert not ledger.flush(0.2)
        assert ledger.dropped.requests > 100  # counted, within the memory that it may take
    finally:
        postgresql.resume()
    assert ledger.flush(30), ledger.failing
    assert ledger.written + ledger.dropped.requests == 201
    ledger.close()
    with Reader.open(postgresql.url) as reader:
        assert reader.find("r30000") is not None
