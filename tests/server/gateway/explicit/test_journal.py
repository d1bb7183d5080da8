"""Names that outlive their gateway, in files that tell whether it lives."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from headstart.server.gateway import journal_beside
from headstart.server.gateway.explicit import Journal, JournalError
from headstart.server.gateway.explicit.journal import Entry

ONE = Entry("v1/cachedContents/a", "gemini", 300.0)
TWO = Entry("v1/cachedContents/b", "gemini", 400.0)


def opened(base: Path) -> list[Entry]:
    """What is left over now; the journal is given up again."""
    journal = Journal.open(base)
    journal.close()
    return sorted(journal.leftovers)


def test_what_is_put_and_not_removed_is_left(tmp_path: Path) -> None:
    base = tmp_path / "ledger.db"
    journal = Journal.open(base)
    assert journal.leftovers == []
    journal.put(ONE)
    journal.put(TWO)
    journal.put(ONE._replace(expires=600.0))
    journal.remove(TWO.path)
    journal.remove("never")
    journal.close()
    assert opened(base) == [ONE._replace(expires=600.0)]
    assert opened(base) == [ONE._replace(expires=600.0)], "until it is removed"
    assert (tmp_path / "ledger.db.caches-0").stat().st_mode & 0o777 == 0o600


def test_a_gateway_that_lives_keeps_its_own(tmp_path: Path) -> None:
    base = tmp_path / "ledger.db"
    first, second = Journal.open(base), Journal.open(base)
    first.put(ONE)
    second.put(TWO)
    assert opened(base) == []
    second.close()
    assert opened(base) == [TWO]
    first.close()
    assert opened(base) == [ONE, TWO]
    assert opened(base) == [ONE, TWO]


@pytest.mark.parametrize(
    "damage", [b"no database at all" * 100, b"SQLite format 3\x00" + b"x" * 90]
)
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, damage: bytes) -> None:
    other = tmp_path / "ledger.db.caches-0"
    other.write_bytes(damage)
    assert opened(tmp_path / "ledger.db") == []
    assert other.read_bytes() == damage
    assert (tmp_path / "ledger.db.caches-1").exists()


def test_a_place_that_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="nowhere"):
        Journal.open(tmp_path / "nowhere" / "ledger.db")
    journal = Journal.open(tmp_path / "ledger.db")
    journal.close()
    with pytest.raises(JournalError):
        journal.put(ONE)
    journal.remove(ONE.path)


def test_a_full_disk(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "ledger.db")
    journal._connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(JournalError, match="full"):
        journal.put(Entry("v1/cachedContents/" + 10_000 * "x", "gemini", 1.0))
    journal.close()


def test_there_are_not_any_number_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.server.gateway.explicit.journal._MOST_FILES", 3)
    held = [Journal.open(tmp_path / "x") for _ in range(3)]
    with pytest.raises(JournalError, match="3 gateways"):
        Journal.open(tmp_path / "x")
    for journal in held:
        journal.close()


def test_nothing_but_names(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "x")
    journal.put(ONE)
    journal.close()
    columns = sqlite3.connect(tmp_path / "x.caches-0").execute("PRAGMA table_info(objects)")
    assert [row[1] for row in columns] == ["path", "route", "expires"]


def test_where_it_lies() -> None:
    assert journal_beside("a/b.db") == Path("a/b.db")
    assert journal_beside("sqlite:////var/x.db") == Path("/var/x.db")
    for ledger in (None, "off", "postgresql+psycopg://u:p@h/d"):
        assert journal_beside(ledger) == Path("headstart-ledger.db")
