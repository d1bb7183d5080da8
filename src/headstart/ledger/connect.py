"""Connections to a ledger's database: the writer's and the readers'."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.exc import DatabaseError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool, Pool, QueuePool
from sqlalchemy.schema import CreateIndex, CreateTable

from headstart.ledger.address import LedgerError, shown
from headstart.ledger.schema import VERSION, about, metadata

BUSY_SECONDS = 1.0
"""How long a statement waits for another process on the same file."""
_CONNECTED = {
    "client_encoding": "utf8",  # of a database in SQL_ASCII the driver makes bytes otherwise
    "connect_timeout": "5",
    "keepalives_idle": "15",
    "tcp_user_timeout": "20000",
}
"""What libpq is told unless the URL says otherwise: its own end to waiting for a server that is
gone without a word is hours."""
_LOCK = 0x4865616473746172
"""Advisory lock in PostgreSQL."""


def writing(url: URL) -> Engine:
    """An engine that creates what is missing; nothing is opened yet.

    LedgerError if the database's driver is not installed.
    """
    engine = _engine(url, "rwc", QueuePool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        # A transaction that begins as a reader cannot wait for its turn to write.
        event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def reading(url: URL) -> Engine:
    """An engine that changes nothing and creates nothing."""
    engine = _engine(url, "rw", NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _restrain)
        event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN"))
    return engine


def create(connection: Connection) -> None:
    """Create the tables where there are none; LedgerError for another schema's."""
    take_turns(connection)
    connection.execute(CreateTable(about, if_not_exists=True))
    found = _version(connection)
    if found is not None:
        _check(connection.engine.url, found)
    # PostgreSQL locks a table before it sees that an index is there: statements that change
    # nothing would still meet those of a gateway that writes, each waiting for the other.
    # Those that were added to a schema later are only ever an aid.
    every = inspect(connection).get_multi_indexes()
    there = {index["name"] for indexes in every.values() for index in indexes}
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            if index.name not in there:
                connection.execute(CreateIndex(index))
    if found is None:
        connection.execute(about.insert().values(name="version", value=str(VERSION)))


def take_turns(connection: Connection) -> None:
    """Wait until no other gateway creates tables or deletes rows, and keep others from it to
    the end of this transaction. In SQLite every transaction does that."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def check(connection: Connection) -> None:
    """LedgerError if the database holds no ledger, or one of another schema."""
    try:
        found = _version(connection)
    except OperationalError as error:
        if "no such table" not in str(error.orig):
            raise
        found = None
    except DatabaseError:
        found = None
    if found is None:
        raise LedgerError(f"{shown(connection.engine.url)} holds no ledger")
    _check(connection.engine.url, found)


def _version(connection: Connection) -> str | None:
    query = select(about.c.value).where(about.c.name == "version")
    return connection.execute(query).scalar()


def _check(url: URL, found: str) -> None:
    if found != str(VERSION):
        raise LedgerError(
            f"{shown(url)} has schema {found[:20]}, and this Headstart reads and writes schema "
            f"{VERSION}: keep that file for the version that wrote it, and name another one"
        )


def _engine(url: URL, mode: str, pool: type[Pool]) -> Engine:
    if url.get_backend_name() == "sqlite":
        return create_engine(
            url,
            creator=lambda: _file(str(url.database), mode),
            poolclass=pool,
            hide_parameters=True,
        )
    try:
        return create_engine(_connected(url), poolclass=pool, hide_parameters=True)
    except (ModuleNotFoundError, NoSuchModuleError):
        raise LedgerError(f"{shown(url)}: the driver {_driver(url)} is not installed") from None


def _connected(url: URL) -> URL:
    if url.get_driver_name() not in ("psycopg", "psycopg2"):
        return url
    return url.set(query={**_CONNECTED, **url.query})


def _driver(url: URL) -> str:
    return url.drivername.partition("+")[2] or "psycopg"


def _file(path: str, mode: str) -> sqlite3.Connection:
    if mode == "rwc":
        # Whoever may read it learns who asked what when; its log gets the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return sqlite3.connect(
        f"file:{quote(str(Path(path).absolute()))}?mode={mode}",
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )


def _prepare(connection: Any, _: object) -> None:
    """Order matters: WAL writes the first page, and then the file can no longer shrink."""
    for setting in (
        "auto_vacuum = INCREMENTAL",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "journal_size_limit = 16777216",
    ):
        connection.execute(f"PRAGMA {setting}")


def _restrain(connection: Any, _: object) -> None:
    connection.execute("PRAGMA query_only = ON")
