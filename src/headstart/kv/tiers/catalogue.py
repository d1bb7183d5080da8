"""The disk tier's books in SQLite, shared by all processes on one directory.

WAL mode with ``synchronous=NORMAL``: consistent after a kill or a power cut, without an
fsync a page. A catalogue that is damaged all the same is thrown away and rebuilt from the
directory; then leases, pins and recency are lost, never pages.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from headstart.kv.tiers.books import check_pins, lease_budget
from headstart.kv.tiers.contract import PageKey, Selection, TierEntry

BUSY_SECONDS = 5.0
_MOST_VARIABLES = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS pages (
    name TEXT PRIMARY KEY, model TEXT NOT NULL, scope TEXT NOT NULL, parent TEXT NOT NULL,
    page INTEGER NOT NULL, size INTEGER NOT NULL, seq INTEGER NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0, used REAL NOT NULL DEFAULT 0,
    lease REAL NOT NULL DEFAULT 0, pinned INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_parent ON pages (parent);
CREATE INDEX IF NOT EXISTS by_seq ON pages (seq);
CREATE INDEX IF NOT EXISTS by_scope ON pages (scope, seq);
CREATE INDEX IF NOT EXISTS by_lease ON pages (lease) WHERE lease > 0;
CREATE INDEX IF NOT EXISTS by_pin ON pages (pinned) WHERE pinned;
CREATE TABLE IF NOT EXISTS scopes (scope TEXT PRIMARY KEY, bytes INTEGER, objects INTEGER);
CREATE TRIGGER IF NOT EXISTS entered AFTER INSERT ON pages BEGIN
    INSERT INTO scopes VALUES (NEW.scope, NEW.size, 1) ON CONFLICT (scope) DO UPDATE
    SET bytes = bytes + NEW.size, objects = objects + 1;
END;
CREATE TRIGGER IF NOT EXISTS struck AFTER DELETE ON pages BEGIN
    UPDATE scopes SET bytes = bytes - OLD.size, objects = objects - 1 WHERE scope = OLD.scope;
    DELETE FROM scopes WHERE scope = OLD.scope AND objects = 0;
END;
"""
_KEY = "model, scope, name, parent, page"
_LEAF = "NOT EXISTS (SELECT 1 FROM pages c WHERE c.parent = p.name)"


class Sizes(NamedTuple):
    """Bytes, and objects, in the catalogue."""

    bytes: int
    objects: int
    pinned: int
    leased: int


class Catalogue:
    """Rows of pages. Methods raise ``sqlite3.Error``. Reads run on a connection of their
    own and wait for nobody; changes belong into ``with catalogue.change():``."""

    def __init__(self, path: Path | str) -> None:
        """Open or create; ``":memory:"`` for one that this process keeps to itself.

        ``sqlite3.DatabaseError`` if the file is damaged.
        """
        self._memory = str(path) == ":memory:"
        self._path = str(path)
        self._lock = threading.RLock()
        self._read_lock = threading.RLock()
        self._writer = self._connect()
        try:
            if self._writer.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("the catalogue is damaged")
            self._writer.executescript(_SCHEMA)
            self._reader = self._writer if self._memory else self._connect()
        except sqlite3.Error:
            self._writer.close()
            raise
        if self._memory:
            self._read_lock = self._lock

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """One transaction, exclusive among all processes; an exception undoes it."""
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def has(self, keys: Sequence[PageKey]) -> int:
        """How many leading keys are there."""
        for start in range(0, len(keys), _MOST_VARIABLES):
            part = [key.name for key in keys[start : start + _MOST_VARIABLES]]
            found = self._present(part[:1]) and self._present(part)
            for count, name in enumerate(part):
                if name not in found:
                    return start + count
        return len(keys)

    def sizes(self, now: float) -> Sizes:
        """Totals; ``leased`` leaves pinned pages aside."""
        with self._read_lock:
            return _sizes(self._reader, now)

    def entries(self, which: Selection) -> list[TierEntry]:
        """Every page that matches."""
        with self._read_lock:
            return _entries(self._reader, which)

    def selected(self, which: Selection) -> list[TierEntry]:
        """``entries`` as the change under way sees them."""
        return _entries(self._writer, which)

    def listed_names(self) -> set[str]:
        """Every page's name, as the change under way sees them."""
        return {row[0] for row in self._writer.execute("SELECT name FROM pages")}

    def listed(self, name: str) -> bool:
        """Whether a page is there, as the change under way sees it."""
        sql = "SELECT 1 FROM pages WHERE name = ?"
        return self._writer.execute(sql, (name,)).fetchone() is not None

    def crowd(self) -> dict[str, int]:
        """Bytes of each scope that has any, as the change under way sees them."""
        return dict(self._writer.execute("SELECT scope, bytes FROM scopes").fetchall())

    def add(self, key: PageKey, size: int, now: float) -> None:
        """Enter a page as the most recently used."""
        self._writer.execute(
            f"INSERT OR IGNORE INTO pages ({_KEY}, size, seq, used)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*key, size, self._last() + 1, now),
        )

    def remove(self, names: Sequence[str]) -> None:
        """Strike pages out."""
        self._writer.executemany("DELETE FROM pages WHERE name = ?", [(name,) for name in names])

    def touch(self, keys: Sequence[PageKey], now: float) -> None:
        """Count a use of each page; a page is used after those that continue it."""
        last = self._last()
        self._writer.executemany(
            "UPDATE pages SET hits = hits + 1, used = ?, seq = ? WHERE name = ?",
            [(now, last + i, key.name) for i, key in enumerate(reversed(keys), 1)],
        )

    def victim(self, scope: str | None, parent: str, now: float) -> tuple[PageKey, int] | None:
        """The least recently used page that may go, of one scope or of all, and its size."""
        among = "scope = ? AND" if scope is not None else ""
        row = self._writer.execute(
            f"SELECT {_KEY}, size FROM pages p WHERE {among} name != ? AND NOT pinned "
            f"AND lease <= ? AND {_LEAF} ORDER BY seq LIMIT 1",
            (*([scope] if scope is not None else []), parent, now),
        ).fetchone()
        return (PageKey(*row[:5]), row[5]) if row else None

    def lease(self, keys: Sequence[PageKey], until: float, now: float, limit: int) -> list[int]:
        """Extend leases, end those beyond the budget; returns how many of each."""
        cursor = self._writer.executemany(
            "UPDATE pages SET lease = max(lease, ?) WHERE name = ?",
            [(until, key.name) for key in keys],
        )
        covered, broken = cursor.rowcount, 0
        sizes = _sizes(self._writer, now)
        over = sizes.leased - lease_budget(limit, sizes.pinned)
        while over > 0:
            name, size = self._writer.execute(
                "SELECT name, size FROM pages WHERE lease > 0 AND lease > ? AND NOT pinned "
                "ORDER BY lease, page DESC, name LIMIT 1",
                (now,),
            ).fetchone()
            self._writer.execute("UPDATE pages SET lease = 0 WHERE name = ?", (name,))
            over -= size
            broken += 1
        return [covered, broken]

    def pin(self, keys: Sequence[PageKey], limit: int) -> int:
        """Pin pages; PinBudgetExceeded."""
        names = [(key.name,) for key in keys]
        added = 0
        for name in names:
            row = self._writer.execute(
                "SELECT size FROM pages WHERE name = ? AND NOT pinned", name
            ).fetchone()
            added += row[0] if row else 0
        check_pins(limit, _sizes(self._writer, 0).pinned, added)
        sql = "UPDATE pages SET pinned = 1 WHERE name = ?"
        return self._writer.executemany(sql, names).rowcount if names else 0

    def unpin(self, keys: Sequence[PageKey]) -> int:
        """Undo ``pin``."""
        sql = "UPDATE pages SET pinned = 0 WHERE name = ? AND pinned"
        return self._writer.executemany(sql, [(k.name,) for k in keys]).rowcount if keys else 0

    def recount(self) -> None:
        """Make the totals right whatever happened to them."""
        self._writer.execute("DELETE FROM scopes")
        self._writer.execute(
            "INSERT INTO scopes SELECT scope, sum(size), count(*) FROM pages GROUP BY scope"
        )

    def close(self) -> None:
        """Close the connections."""
        with self._lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._read_lock:
            return self._reader.execute(sql, values).fetchall()

    def _present(self, names: Sequence[str]) -> set[str]:
        marks = ", ".join("?" * len(names))
        sql = f"SELECT name FROM pages WHERE name IN ({marks})"
        return {row[0] for row in self._read(sql, *names)}

    def _last(self) -> int:
        row = self._writer.execute("SELECT coalesce(max(seq), 0) FROM pages").fetchone()
        return int(row[0])


def _sizes(connection: sqlite3.Connection, now: float) -> Sizes:
    row = connection.execute(
        "SELECT (SELECT coalesce(sum(bytes), 0) FROM scopes),"
        " (SELECT coalesce(sum(objects), 0) FROM scopes),"
        " (SELECT coalesce(sum(size), 0) FROM pages WHERE pinned),"
        " (SELECT coalesce(sum(size), 0) FROM pages"
        "  WHERE lease > 0 AND lease > ? AND NOT pinned)",
        (now,),
    ).fetchone()
    return Sizes(*row)


def _entries(connection: sqlite3.Connection, which: Selection) -> list[TierEntry]:
    condition, values = _matching(which)
    rows = connection.execute(
        f"SELECT {_KEY}, size, hits, used, lease, pinned FROM pages WHERE {condition}", values
    )
    return [
        TierEntry(PageKey(*row[:5]), row[5], row[6], row[7], row[8], bool(row[9])) for row in rows
    ]


def _matching(which: Selection) -> tuple[str, list[str]]:
    """A WHERE condition and its values."""
    conditions, values = ["1"], []
    for column in ("model", "scope"):
        if value := getattr(which, column):
            conditions.append(f"{column} = ?")
            values.append(value)
    if which.name:
        conditions.append(
            "name IN (WITH RECURSIVE below(name) AS (VALUES (?) UNION"
            " SELECT pages.name FROM pages JOIN below ON pages.parent = below.name)"
            " SELECT name FROM below)"
        )
        values.append(which.name)
    return " AND ".join(conditions), values
