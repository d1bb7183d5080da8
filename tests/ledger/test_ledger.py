from __future__ import annotations

import logging
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.ledger import Ledger, LedgerError, Reader, Which, store
from headstart.ledger.queue import ROW_BYTES
from headstart.usage import MissReason, RequestRecord, Usage
from tests.ledger.samples import NOW, sample
from tests.waiting import wait_until

DAY = 86_400.0


def kept(path: Path) -> list[RequestRecord]:
    with Reader.open(path) as reader:
        return sorted(reader.records(Which(), 10_000), key=lambda r: r.id)


def open_at(path: Path, **options: object) -> Ledger:
    given = {"delay": 0.01, "clock": lambda: NOW} | options
    return Ledger.open(path, **given)  # type: ignore[arg-type]


def test_what_was_recorded_is_found_again_field_by_field(tmp_path: Path) -> None:
    whole = RequestRecord(
        id="req_whole",
        time=NOW + 0.123,
        tenant="acme",
        route="claude",
        provider="anthropic",
        model="claude-sonnet-5",
        usage=Usage(1, 2, 3, 4, 5, 6, 7, 8),
        status=499,
        prefix="a1b2",
        estimated=True,
        stream=True,
        cost=0.1,
        cost_uncached=0.2,
        cost_automatic=0.15,
        predicted=Usage(8, 7, 6, 5, 4, 0, 3, 2),
        predicted_cost=0.09,
        plan="1h on system, 5m at the end",
        reason=MissReason.TOOLS_CHANGED,
        confirmed=True,
        lost=1234,
        lost_cost=0.004,
        ttft=0.5,
        latency=2.5,
        waited=0.25,
        against="req_before",
        outline=b"\x00\xff",
        prompt='{"messages":"\u00e9"}',
    )
    bare = sample(id="req_bare", cost=None, cost_uncached=None)
    ledger = open_at(tmp_path / "l.db")
    ledger.record(whole)
    ledger.record(bare)
    ledger.close()
    assert ledger.written == 2
    assert not ledger.dropped
    with Reader.open(tmp_path / "l.db") as reader:
        assert reader.find("req_whole") == whole
        assert reader.find("req_bare") == bare
        assert reader.find("req_other") is None


def test_a_prompt_that_is_not_given_leaves_no_row_of_details(tmp_path: Path) -> None:
    ledger = open_at(tmp_path / "l.db")
    ledger.record(sample())
    ledger.close()
    with sqlite3.connect(tmp_path / "l.db") as connection:
        assert connection.execute("SELECT count(*) FROM headstart_details").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM headstart_requests").fetchone() == (1,)


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    ledger = open_at(tmp_path / "l.db")
    ledger.record(sample())
    assert ledger.flush()
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    ledger.close()
    assert modes == {"l.db": 0o600, "l.db-wal": 0o600, "l.db-shm": 0o600}


def test_an_id_is_kept_once(tmp_path: Path) -> None:
    ledger = open_at(tmp_path / "l.db")
    first = sample(id="same", outline=b"one")
    ledger.record(first)
    ledger.record(replace(first, tenant="other", outline=b"two"))
    ledger.close()
    assert kept(tmp_path / "l.db") == [first]


def test_hostile_text_and_numbers_harm_nobody_elses_row(tmp_path: Path) -> None:
    ledger = open_at(tmp_path / "l.db")
    ledger.record(sample(id="1", model="x" * 5_000_000))
    ledger.record(sample(id="2", model="lone \ud800 and \0 and '); DROP TABLE x; --"))
    ledger.record(sample(id="3", cost=float("nan"), ttft=float("inf"), lost=10**30))
    ledger.record(sample(id="4", prompt="\ud800\0"))
    ledger.record(sample(id="5"))
    assert ledger.flush()
    ledger.close()
    rows = kept(tmp_path / "l.db")
    assert [row.id for row in rows] == ["1", "2", "3", "4", "5"]
    assert rows[0].model == "x" * 256
    assert rows[1].model == "lone ? and  and '); DROP TABLE x; --"
    assert (rows[2].cost, rows[2].cost_uncached, rows[2].ttft) == (None, None, None)
    assert rows[3].prompt == "?"


def test_a_broken_record_is_counted_and_never_raises(tmp_path: Path) -> None:
    ledger = open_at(tmp_path / "l.db")
    ledger.record(None)  # type: ignore[arg-type]
    ledger.record(sample(tenant=None))
    ledger.record(sample(time=float("nan")))
    ledger.record(sample(outline="text"))
    ledger.record(sample(prompt=["a list"]))
    good = sample()
    ledger.record(good)
    assert ledger.flush()
    assert ledger.dropped.requests == 5
    ledger.close()
    assert kept(tmp_path / "l.db") == [good]
    with Reader.open(tmp_path / "l.db") as reader:
        assert reader.dropped(Which()).requests == 5


def test_after_the_end_requests_are_counted(tmp_path: Path) -> None:
    ledger = open_at(tmp_path / "l.db")
    ledger.close()
    ledger.record(sample())
    assert ledger.dropped.requests == 1
    assert ledger.dropped.read == 9000
    ledger.close()


def test_two_on_one_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    both = [open_at(path), open_at(path)]
    for number in range(1000):
        both[number % 2].record(sample(id=f"r{number:04}"))
    for ledger in both:
        assert ledger.flush(30)
        ledger.close()
        assert not ledger.dropped
    assert [row.id for row in kept(path)] == [f"r{number:04}" for number in range(1000)]


def test_rows_older_than_the_retention_go(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ledger = open_at(path, retention=None)
    for age in range(10):
        ledger.record(sample(id=f"r{age}", time=NOW - age * DAY, outline=b"x"))
    ledger.close()
    ledger = open_at(path, retention=3.5 * DAY)
    ledger.record(sample(id="r_new"))
    wait_until(lambda: len(kept(path)) == 5)
    ledger.close()
    assert [row.id for row in kept(path)] == ["r0", "r1", "r2", "r3", "r_new"]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM headstart_details").fetchone() == (4,)


def test_a_file_over_its_limit_loses_its_oldest_rows_and_shrinks(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ledger = open_at(path, retention=None, limit_bytes=None)
    for number in range(12_000):
        ledger.record(sample(id=f"r{number:05}", time=NOW + number, plan="x" * 200))
    assert ledger.flush(60)
    ledger.close()
    before = path.stat().st_size
    limit = before // 2
    ledger = open_at(path, retention=None, limit_bytes=limit)
    ledger.record(sample(id="r_new", time=NOW + 20_000))
    wait_until(lambda: path.stat().st_size <= limit)
    ledger.close()
    rows = kept(path)
    assert rows[-1].id == "r_new"
    assert 2_000 < len(rows) < 8_000
    assert rows[0].id == f"r{12_001 - len(rows):05}", "the oldest go, and only they"


def test_a_few_large_prompts_are_held_to_the_limit_too(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ledger = open_at(path, retention=None, limit_bytes=4 << 20)
    for number in range(40):
        ledger.record(sample(id=f"r{number:02}", time=NOW + number, prompt="x" * 200_000))
    assert ledger.flush(20)
    ledger.close()
    ledger = open_at(path, retention=None, limit_bytes=4 << 20)
    wait_until(lambda: path.stat().st_size <= 4 << 20)
    ledger.close()
    rows = kept(path)
    assert 10 <= len(rows) <= 20
    assert rows[-1].id == "r39"


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for bad in ({"retention": 0}, {"delay": -1.0}, {"limit_bytes": 1000}):
        with pytest.raises(ValueError, match=r"seconds|keep nothing"):
            open_at(tmp_path / "l.db", **bad)


def test_another_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    open_at(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE headstart_ledger SET value = '0' WHERE name = 'version'")
    with pytest.raises(LedgerError, match="has schema 0, and this Headstart"), Reader.open(path):
        pass
    ledger = open_at(path)
    ledger.record(sample())
    wait_until(lambda: ledger.failing)
    assert "has schema 0" in str(ledger.failing)
    ledger.close()
    assert ledger.dropped.requests == 1
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM headstart_requests").fetchone() == (0,)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("mysql://localhost/x", "not in mysql"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///x.db?mode=ro", "no options"),
        ("://", "neither a path nor"),
        ("postgresql+nosuchdriver://u:geheim@h/d", "nosuchdriver"),
    ],
)
def test_an_address_that_never_works_is_refused_at_once(address: str, complaint: str) -> None:
    with pytest.raises(LedgerError, match=complaint) as caught:
        Ledger.open(address)
    assert "geheim" not in str(caught.value)


def test_no_such_file_is_no_ledger_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no such ledger"), Reader.open(tmp_path / "l.db"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_queue_without_room_counts_in_full(tmp_path: Path) -> None:
    ledger = open_at(tmp_path / "l.db", pending_bytes=3 * ROW_BYTES, delay=30.0)
    for _ in range(10):
        ledger.record(sample())
    ledger.record(sample(prompt="x" * ROW_BYTES))
    dropped = ledger.dropped
    assert (dropped.requests, dropped.read, dropped.written) == (8, 72_000, 2_400)
    assert dropped.cost == pytest.approx(0.08)
    ledger.close()
    assert len(kept(tmp_path / "l.db")) == 3
    with Reader.open(tmp_path / "l.db") as reader:
        assert reader.dropped(Which()) == dropped


def test_rows_that_a_database_refuses_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "l.db"
    open_at(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE INSERT ON headstart_requests WHEN NEW.tenant = 'bad' "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    ledger = open_at(path)
    with caplog.at_level(logging.WARNING, "headstart.ledger"):
        ledger.record(sample(tenant="bad"))
        assert ledger.flush()
    ledger.record(sample(id="good"))
    ledger.close()
    assert [row.id for row in kept(path)] == ["good"]
    assert ledger.dropped.requests == 1
    assert "refuses rows" in caplog.text


def test_what_was_counted_outlives_a_batch_that_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    open_at(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE INSERT ON headstart_requests "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    ledger = open_at(path, pending_bytes=3 * ROW_BYTES, delay=0.5)
    for _ in range(5):
        ledger.record(sample())
    assert ledger.dropped.requests == 2
    assert ledger.flush()
    ledger.close()
    assert ledger.dropped.requests == 5
    with Reader.open(path) as reader:
        assert reader.dropped(Which()).requests == 5
        assert reader.totals(Which()).requests == 0


def test_outlines_go_before_rows_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "DETAILS_KEPT", 100)
    monkeypatch.setattr(store, "PRUNED_AT_ONCE", 50)
    path = tmp_path / "l.db"
    ledger = open_at(path, retention=None, limit_bytes=None)
    for number in range(1000):
        outline = number.to_bytes(2, "big") * 4000
        ledger.record(sample(id=f"r{number:05}", time=NOW + number, outline=outline))
    assert ledger.flush(60)
    ledger.close()
    ledger = open_at(path, retention=None, limit_bytes=4 << 20)
    wait_until(lambda: path.stat().st_size <= 4 << 20)
    ledger.close()
    rows = kept(path)
    assert len(rows) == 1000
    outlined = [row.id for row in rows if row.outline]
    assert 100 < len(outlined) < 900
    assert outlined == [f"r{number:05}" for number in range(1000 - len(outlined), 1000)]
