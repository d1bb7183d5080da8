"""Where a ledger lies: a file's path or a database's URL."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DEFAULT = "headstart-ledger.db"
"""In the working directory: a ledger that nobody named should lie where it is seen."""
_KNOWN = ("sqlite", "postgresql")


class LedgerError(Exception):
    """A ledger that cannot be used as it is; the text says what to do about it."""


def address_of(given: str | Path) -> URL:
    """The URL of ``/var/lib/x.db``, ``sqlite:////var/lib/x.db`` or
    ``postgresql+psycopg://user:password@host/database``; LedgerError for anything else."""
    text = str(given)
    if "://" not in text:
        url = URL.create("sqlite", database=text)
    else:
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise LedgerError("the ledger's address is neither a path nor a database URL") from None
    kind = url.get_backend_name()
    if kind not in _KNOWN:
        raise LedgerError(f"a ledger is kept in SQLite or PostgreSQL, not in {kind}")
    if kind == "sqlite" and (url.database in (None, "", ":memory:") or url.query):
        raise LedgerError("a ledger in SQLite needs a file, and takes no options: sqlite:///PATH")
    return url


def shown(url: URL) -> str:
    """For logs and errors: a file's path, or the URL without its password and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(query={}).render_as_string(hide_password=True)


def cause(error: BaseException) -> str:
    """A database's complaint in one line, without the statement and its values."""
    original = getattr(error, "orig", None) or error
    return f"{type(original).__name__}: {' '.join(str(original).split())[:200]}"
