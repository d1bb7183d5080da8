"""Names of the cache objects that a gateway has made, kept so that a killed one's are deleted.

One small SQLite file for each gateway that runs beside the same ledger. Its owner holds the
file's lock while it lives, and a killed process holds none: a file that can be locked has no
owner, and what is in it is left over. Names, routes and ends; no prompts and no credentials.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_DEFAULT: Final = "headstart-ledger.db"
_MOST_FILES: Final = 64
_SUFFIX: Final = ".caches-"
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS objects"
    " (path TEXT PRIMARY KEY, route TEXT NOT NULL, expires REAL NOT NULL) WITHOUT ROWID"
)
_OTHERS: Final = (
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
    *(sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT),
)
"""Somebody owns it, or it is not a journal: the next file is tried."""
_PUT: Final = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?)"


class JournalError(Exception):
    """It can't be had, or not be written; the text is one line."""


class Entry(NamedTuple):
    """One object."""

    path: str
    """Below the base URL of its upstream."""
    route: str
    expires: float
    """Unix seconds."""


class Journal:
    """This process's file. Not safe across threads, but for being opened in another one."""

    def __init__(self, connection: sqlite3.Connection, leftovers: list[Entry]) -> None:
        self._connection = connection
        self.leftovers = leftovers
        """What gateways that are no more have left; they stay until ``remove``."""

    @classmethod
    def open(cls, base: Path) -> Journal:
        """The first file beside ``base`` that nobody owns, and what is in all of these;
        JournalError."""
        mine: sqlite3.Connection | None = None
        found: list[Entry] = []
        try:
            for number in range(_MOST_FILES):
                path = Path(f"{base}{_SUFFIX}{number}")
                if mine is not None and not path.exists():
                    break
                connection = _locked(path)
                if connection is None:
                    continue
                if mine is None:
                    mine = connection
                    found += _entries(connection)
                else:
                    found += _taken(connection, mine)
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"{base}{_SUFFIX}*: {error}") from None
        if mine is None:
            raise JournalError(f"{base}{_SUFFIX}*: {_MOST_FILES} gateways own one each")
        return cls(mine, found)

    def put(self, entry: Entry) -> None:
        """Keep an object, or its new end; JournalError."""
        try:
            self._connection.execute(_PUT, entry)
        except sqlite3.Error as error:
            raise JournalError(str(error)) from None

    def remove(self, path: str) -> None:
        """It is gone, or will be by itself. A row too many does no harm."""
        with suppress(sqlite3.Error):
            self._connection.execute("DELETE FROM objects WHERE path = ?", (path,))

    def close(self) -> None:
        """Give the file up."""
        self._connection.close()


def journal_beside(ledger: str | Path | None) -> Path:
    """Where journals lie: beside a ledger that is a file, or else beside where one would be."""
    text = str(ledger or "off").removeprefix("sqlite:///")
    return Path(_DEFAULT if text == "off" or "://" in text else text)


def _locked(path: Path) -> sqlite3.Connection | None:
    """The file with its lock, which ends with the process; None if another one has it."""
    with suppress(FileExistsError):
        # Never opened beside SQLite: to close a file gives up all of a process's locks on it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        # Written between requests: a killed process loses nothing so, and a machine that does
        # loses names of objects that lapse within minutes.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute(_SCHEMA)
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        connection.close()
        if error.sqlite_errorcode in _OTHERS:
            return None
        raise
    return connection


def _entries(connection: sqlite3.Connection) -> list[Entry]:
    rows = connection.execute("SELECT path, route, expires FROM objects").fetchall()
    return [Entry(str(path), str(route), float(expires)) for path, route, expires in rows]


def _taken(connection: sqlite3.Connection, mine: sqlite3.Connection) -> list[Entry]:
    """Move what is in another file into this one."""
    try:
        found = _entries(connection)
        mine.executemany(_PUT, found)
        connection.execute("DELETE FROM objects")
        return found
    finally:
        connection.close()
