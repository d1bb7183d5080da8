"""Sums by hour give what the rows themselves would, whatever was summed up or deleted when."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from headstart.ledger import Ledger, Reader, Which, report_of, rollups, writer
from headstart.ledger.address import address_of
from headstart.ledger.rows import row_of
from headstart.ledger.store import Store
from headstart.usage import RequestRecord
from tests.ledger.samples import NOW, sample
from tests.ledger.test_reader import check, grouped, records
from tests.waiting import wait_until

HOUR = 3600.0
moments = st.floats(-30, 2).map(lambda hours: NOW + hours * HOUR)
Step = tuple[str, float | list[RequestRecord]]
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("write"), records),
        st.tuples(st.just("roll"), moments),
        st.tuples(st.just("prune"), moments),
    ),
    max_size=8,
)


def open_store(path: Path) -> Store:
    return Store(address_of(path))


@settings(max_examples=15, deadline=None, phases=[Phase.generate])
@given(steps=steps, since=moments | st.just(float("-inf")), until=moments | st.just(float("inf")))
def test_sums_are_those_of_the_rows(steps: list[Step], since: float, until: float) -> None:
    kept: list[RequestRecord] = []
    with TemporaryDirectory() as folder, patch.object(rollups, "CHUNK", 7):
        path = Path(folder) / "l.db"
        store = open_store(path)
        store.write([], [], None)
        for name, given in steps:
            if name == "write":
                assert isinstance(given, list)
                store.write([row_of(record) for record in given], [], None)
                kept += [record for record in given if record not in kept]
                continue
            assert isinstance(given, float)
            if name == "roll":
                while store.roll(given):
                    pass
            else:
                while store.prune(given, None):
                    pass
                kept = [record for record in kept if record.time >= given]
        store.close()
        for tenant in (None, "a"):
            which = Which(since, until, tenant=tenant)
            inside = [r for r in kept if since <= r.time < until and tenant in (None, r.tenant)]
            with Reader.open(path) as reader:
                check(reader.totals(which), inside)
                for column in ("tenant", "model", "prefix", "reason", "provider"):
                    groups = grouped(inside, lambda r, column=column: getattr(r, column))
                    found = reader.by(column, which, 50)
                    assert set(found) == set(groups)
                    for key, totals in found.items():
                        check(totals, groups[key])
                check(report_of(reader, which).total, inside)


def test_rows_are_read_once_for_all_reports(tmp_path: Path) -> None:
    """What was summed up need not be there for its sums."""
    store = open_store(tmp_path / "l.db")
    rows = [sample(time=NOW - 50 * HOUR + n * HOUR) for n in range(40)]
    store.write([row_of(row) for row in rows], [], None)
    assert not store.roll(NOW)
    with store._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM headstart_requests")
    store.close()
    with Reader.open(tmp_path / "l.db") as reader:
        assert reader.totals(Which()).requests == 40


def test_a_chunk_waits_until_it_is_full_or_an_hour_is_over(tmp_path: Path) -> None:
    store = open_store(tmp_path / "l.db")

    def rolled() -> int:
        with store._engine.begin() as connection:
            found = rollups.rolled(connection)
        return found.upto if found else 0

    hour = NOW - NOW % HOUR
    store.write([row_of(sample())], [], None)
    assert not store.roll(hour)
    assert rolled() == 1
    store.write([row_of(sample())], [], None)
    assert not store.roll(hour + 3599)
    assert rolled() == 1
    assert not store.roll(hour + 3600)
    assert rolled() == 2
    with patch.object(rollups, "CHUNK", 3):
        store.write([row_of(sample()) for _ in range(4)], [], None)
        assert store.roll(hour + 3601)
        assert rolled() == 5
        assert not store.roll(hour + 3601)
        assert rolled() == 5
    store.close()


def test_many_prefix_versions_make_few_sums(tmp_path: Path) -> None:
    store = open_store(tmp_path / "l.db")
    many = [sample(prefix=f"p{n}") for n in range(1000)]
    often = [sample(prefix="often") for _ in range(5)]
    store.write([row_of(row) for row in (*many, *often)], [], None)
    store.roll(NOW + HOUR)
    with store._engine.begin() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM headstart_rollups").scalar_one()
    store.close()
    assert count == rollups.MOST_PREFIXES + 1
    with Reader.open(tmp_path / "l.db") as reader:
        check(reader.totals(Which()), [*many, *often])
        found = reader.by("prefix", Which())
    assert found["often"].requests == 5
    assert found[None].requests == 1000 - (rollups.MOST_PREFIXES - 1)


def test_numbers_that_are_given_twice(tmp_path: Path) -> None:
    store = open_store(tmp_path / "l.db")
    store.write([row_of(sample()) for _ in range(5)], [], None)
    store.roll(NOW)
    store.prune(NOW + 1, None)
    rows = [sample(time=NOW + 2 * HOUR) for _ in range(3)]
    store.write([row_of(row) for row in rows], [], None)
    store.close()
    with Reader.open(tmp_path / "l.db") as reader:
        check(reader.totals(Which()), rows)


def test_the_writer_sums_up(tmp_path: Path) -> None:
    rows = [sample() for _ in range(3)]

    def rolled() -> bool:
        with Reader.open(tmp_path / "l.db") as reader:
            return reader._rolled is not None

    with patch.object(writer, "TIDY_SECONDS", 0.01):
        ledger = Ledger.open(tmp_path / "l.db", retention=None, delay=0.0, clock=lambda: NOW)
        for row in rows:
            ledger.record(row)
        assert ledger.flush()
        wait_until(rolled)
        ledger.close()
    with Reader.open(tmp_path / "l.db") as reader:
        check(reader.totals(Which()), rows)
