"""The writing end of a ledger's database: batches in, old rows out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from headstart.ledger.connect import create, take_turns, writing
from headstart.ledger.rollups import forget, roll
from headstart.ledger.schema import details, dropped, requests

PRUNED_AT_ONCE = 2000
"""Rows a transaction, so that no other process waits long for its turn."""
DETAILS_KEPT = 20_000
"""Requests that keep their details where there is not room for all."""
_VACUUMED_AT_ONCE = 2048
"""Pages given back a transaction."""

Row = dict[str, Any]


class Insertion:
    """An INSERT compiled once: half of the library's time for a row goes into doing so."""

    def __init__(self, engine: Engine, table: Table) -> None:
        insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert
        # A batch whose commit got no answer is written once more.
        statement = insert(table).on_conflict_do_nothing(index_elements=["id"])
        names = [column.name for column in table.columns if column.name != "seq"]
        compiled = statement.compile(engine, column_keys=names)
        self._sql = compiled.string
        order = compiled.positiontup
        self._values = itemgetter(*order) if order else None

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert rows, those apart whose id is there."""
        if rows and self._values:
            connection.exec_driver_sql(self._sql, list(map(self._values, rows)))
        elif rows:
            connection.exec_driver_sql(self._sql, list(rows))


class Store:
    """One database, written by one thread. Methods raise SQLAlchemyError, OSError, and
    LedgerError for a database that holds something else."""

    def __init__(self, url: URL) -> None:
        self._file = url.database if url.get_backend_name() == "sqlite" else None
        self._engine: Engine = writing(url)
        self._into = Insertion(self._engine, requests)
        self._into_details = Insertion(self._engine, details)
        self._opened: list[tuple[int, int] | None] = []
        self._created = False

    def write(self, rows: Sequence[Row], more: Sequence[Row], dropping: Row | None) -> None:
        """Add rows, their details, and what had to be dropped: all, or nothing."""
        self._settle()
        with self._engine.begin() as connection:
            self._into.run(connection, rows)
            self._into_details.run(connection, more)
            if dropping is not None:
                connection.execute(dropped.insert(), dropping)

    def prune(self, before: float, limit_bytes: int | None) -> bool:
        """Delete some of what came before that time, or the oldest where the data take more
        than the limit (SQLite alone); whether there may be more to do."""
        self._settle()
        with self._engine.begin() as connection:
            take_turns(connection)
            until = self._surplus(connection, before, limit_bytes)
            if until is None:
                return False
            plain = self._detailed(connection) if until >= before else None
            if plain is not None:
                until = plain
            else:
                connection.execute(delete(requests).where(requests.c.time <= until))
                connection.execute(delete(dropped).where(dropped.c.until <= until))
                if self._file:
                    forget(connection, until)
            connection.execute(delete(details).where(details.c.time <= until))
        if self._file:
            self._shrink()
        return True

    def roll(self, now: float) -> bool:
        """Sum up rows for reports (SQLite alone); whether there may be more to do."""
        self._settle()
        if not self._file:
            return False
        with self._engine.begin() as connection:
            return roll(connection, now)

    def _shrink(self) -> None:
        """Give freed pages back: the pragma frees one a step, and a script is stepped
        through to its end."""
        raw = self._engine.raw_connection()
        try:
            raw.cursor().executescript(
                f"PRAGMA incremental_vacuum({_VACUUMED_AT_ONCE}); PRAGMA wal_checkpoint(PASSIVE)"
            )
        finally:
            raw.close()

    def close(self) -> None:
        """Close the connections. Writing again opens new ones."""
        self._created = False
        with contextlib.suppress(Exception):
            self._engine.dispose()

    def _settle(self) -> None:
        """Open and create what is not there, or is no longer: a file that was moved away
        would go on taking rows unseen."""
        if self._created and self._file and _identity(self._file) != self._opened:
            self.close()
        if not self._created:
            with self._engine.begin() as connection:
                create(connection)
            self._opened = _identity(self._file) if self._file else []
            self._created = True

    def _detailed(self, connection: Connection) -> float | None:
        """The time up to which details go before any row does for want of room; None where
        few have any. A row is some hundred bytes, the outline of a long prompt thousands."""
        oldest = select(details.c.time).order_by(details.c.time)
        last = connection.execute(oldest.offset(PRUNED_AT_ONCE - 1).limit(1)).scalar()
        many = connection.execute(oldest.offset(DETAILS_KEPT).limit(1)).scalar()
        return None if last is None or many is None else float(last)

    def _surplus(self, connection: Connection, before: float, limit: int | None) -> float | None:
        """The time up to which rows go now."""
        oldest = select(requests.c.time).order_by(requests.c.time)
        first = connection.execute(oldest.limit(1)).scalar()
        if first is None:
            return None
        if first < before:
            past = oldest.where(requests.c.time < before)
            some = connection.execute(past.offset(PRUNED_AT_ONCE - 1).limit(1)).scalar()
            last = select(func.max(requests.c.time)).where(requests.c.time < before)
            return float(connection.execute(last).scalar_one() if some is None else some)
        if limit is None or self._file is None or _used(connection) <= limit:
            return None
        # A tenth where rows are few and prompts are large.
        count = connection.execute(select(func.count()).select_from(requests)).scalar_one()
        place = max(0, min(PRUNED_AT_ONCE, count // 10) - 1)
        return float(connection.execute(oldest.offset(place).limit(1)).scalar_one())


def _identity(path: str) -> list[tuple[int, int] | None]:
    """Which file that is, and which its log of changes."""
    found: list[tuple[int, int] | None] = []
    for name in (path, f"{path}-wal"):
        try:
            status = os.stat(name)
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((status.st_dev, status.st_ino))
    return found


def _used(connection: Connection) -> int:
    """Bytes in a SQLite file, less what is free to be written again."""
    page, pages, free = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
        for name in ("page_size", "page_count", "freelist_count")
    )
    return page * (pages - free)
