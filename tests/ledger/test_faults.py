"""Databases that are locked, gone, full or damaged, and processes that are killed."""

from __future__ import annotations

import logging
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from headstart.ledger import Ledger, LedgerError, Reader, Which
from headstart.ledger.queue import ROW_BYTES
from headstart.ledger.store import Store
from tests.ledger.samples import NOW, sample
from tests.waiting import wait_until


def opened(path: Path, rows: int = 1000) -> Ledger:
    return Ledger.open(path, delay=0.01, pending_bytes=rows * ROW_BYTES, clock=lambda: NOW)


def ids(path: Path) -> list[str]:
    with Reader.open(path) as reader:
        return sorted(record.id for record in reader.records(Which(), 100_000))


def told(caplog: pytest.LogCaptureFixture, part: str) -> int:
    return sum(part in record.getMessage() for record in caplog.records)


def test_while_it_is_locked_rows_wait_and_then_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "l.db"
    ledger = opened(path, rows=10)
    ledger.record(sample(id="r_before"))
    assert ledger.flush()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    alone = sqlite3.connect(tmp_path / "exclusive.db", isolation_level=None)
    alone.execute("BEGIN EXCLUSIVE")
    with caplog.at_level(logging.WARNING, "headstart.ledger"):
        for number in range(30):
            ledger.record(sample(id=f"r_{number:02}"))
        assert ledger.dropped.requests == 20
        wait_until(lambda: ledger.failing)
        assert "locked" in str(ledger.failing)
        with pytest.raises(LedgerError, match="cannot be read: OperationalError: database is loc"):
            ids(tmp_path / "exclusive.db")
        assert not ledger.flush(0.5)
        other.execute("ROLLBACK")
        assert ledger.flush(20)
    assert ledger.failing is None
    ledger.close()
    assert ids(path) == [*(f"r_{number:02}" for number in range(10)), "r_before"]
    with Reader.open(path) as reader:
        dropped = reader.dropped(Which())
        total = reader.totals(Which())
    assert dropped.requests + total.requests == 31
    assert dropped.read + total.read == 31 * 9000
    assert dropped.cost + total.cost == pytest.approx(0.31)
    assert told(caplog, "cannot be written") == told(caplog, "written again") == 1
    alone.close()
    other.close()


@pytest.mark.parametrize("gone", [["l.db", "l.db-wal", "l.db-shm"], ["l.db"], ["l.db-wal"]])
def test_what_is_written_after_files_vanish_is_found(tmp_path: Path, gone: list[str]) -> None:
    path = tmp_path / "l.db"
    ledger = opened(path)
    ledger.record(sample(id="old"))
    assert ledger.flush()
    for name in gone:
        (tmp_path / name).unlink()
    ledger.record(sample(id="new"))
    assert ledger.flush()
    assert "new" in ids(path), "a kill at this moment must not lose it"
    ledger.close()
    assert "new" in ids(path)


def test_a_folder_that_is_gone_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    ledger = opened(folder / "l.db")
    ledger.record(sample(id="old"))
    assert ledger.flush()
    shutil.rmtree(folder)
    ledger.record(sample(id="new"))
    wait_until(lambda: ledger.failing)
    folder.mkdir()
    assert ledger.flush(20)
    ledger.close()
    assert ids(folder / "l.db") == ["new"]
    assert not ledger.dropped


def test_a_database_that_is_away_at_the_start_is_waited_for_and_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []
    write = Store.write

    def counted(self: Store, *given: Any) -> None:
        tries.append(given)
        write(self, *given)

    monkeypatch.setattr(Store, "write", counted)
    ledger = opened(tmp_path / "later" / "l.db")
    ledger.record(sample(id="r"))
    wait_until(lambda: len(tries) > 2)
    assert ledger.failing
    (tmp_path / "later").mkdir()
    assert ledger.flush(20)
    ledger.close()
    assert told(caplog, "cannot be written") == told(caplog, "written again") == 1
    assert ids(tmp_path / "later" / "l.db") == ["r"]


@pytest.mark.parametrize("open_already", [True, False])
def test_a_damaged_file_is_left_as_it_is_until_it_is_moved(
    tmp_path: Path, open_already: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "l.db"
    ledger = opened(path)
    if open_already:
        ledger.record(sample(id="old"))
        assert ledger.flush()
    else:
        ledger.close()
    rubbish = b"rubbish " * 100_000
    for file in list(tmp_path.iterdir()):
        file.unlink()
    path.write_bytes(rubbish)
    if not open_already:
        ledger = opened(path)
    with caplog.at_level(logging.WARNING, "headstart.ledger"):
        ledger.record(sample(id="new"))
        wait_until(lambda: ledger.failing)
        with pytest.raises(LedgerError), Reader.open(path) as reader:
            reader.totals(Which())
        assert path.read_bytes() == rubbish
        path.rename(tmp_path / "damaged.db")
        assert ledger.flush(30)
    assert told(caplog, "cannot be written") == told(caplog, "written again") == 1
    ledger.close()
    assert ids(path) == ["new"]


def test_closing_gives_up_on_a_database_that_stays_away(tmp_path: Path) -> None:
    ledger = opened(tmp_path / "never" / "l.db", rows=2000)
    for _ in range(1000):
        ledger.record(sample())
    ledger.record(sample(tenant=None))
    ledger.close(timeout=20)
    assert ledger.dropped.requests == 1001
    assert ledger.written == 0


FULL = """
import resource, sys
from pathlib import Path
from tests.ledger.samples import sample
from tests.waiting import wait_until
from headstart.ledger import Ledger

ledger = Ledger.open(Path(sys.argv[1]), delay=0.01, pending_bytes=1 << 20)
ledger.record(sample(id="before"))
assert ledger.flush()
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
for number in range(3000):
    ledger.record(sample(id=f"r{number:04}"))
wait_until(lambda: ledger.failing)
assert not ledger.flush(1.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert ledger.flush(30)
assert ledger.failing is None
print(ledger.written, ledger.dropped.requests)
ledger.close()
"""


def test_without_room_on_the_disk_rows_wait_and_then_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert ran.returncode == 0, ran.stderr
    written, dropped = map(int, ran.stdout.split())
    assert written + dropped == 3001
    assert dropped >= 1500
    assert len(ids(path)) == written
    assert ran.stderr.count("cannot be written") == 1


KILLED = """
import sys, time
from pathlib import Path
from tests.ledger.samples import sample
from headstart.ledger import Ledger

ledger = Ledger.open(Path(sys.argv[1]))
for number in range(1000):
    ledger.record(sample(id=f"r{number:06}"))
time.sleep(1.0)
print("a second later", flush=True)
while True:
    number += 1
    ledger.record(sample(id=f"r{number:06}"))
    time.sleep(0.0002)
"""


def test_kill_9_loses_the_last_second_at_most(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"a second later\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    found = ids(path)
    assert found == [f"r{number:06}" for number in range(len(found))], "no holes"
    assert len(found) >= 1000
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    after = opened(path)
    after.record(sample(id="s"))
    after.close()
    assert ids(path) == [*found, "s"]
