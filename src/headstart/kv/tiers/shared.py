"""Opening the catalogue that processes share, and starting a new one where it is damaged."""

from __future__ import annotations

import fcntl
import sqlite3
from pathlib import Path

from headstart.kv.tiers.catalogue import Catalogue


def open_shared(path: Path, lock: int) -> Catalogue | None:
    """Open a catalogue; replace it if it is damaged and nobody else uses it, None if
    somebody does.

    ``lock`` is a descriptor of the file that every user of the catalogue keeps locked.
    OSError, ``sqlite3.Error``.
    """
    fcntl.flock(lock, fcntl.LOCK_SH)
    try:
        return Catalogue(path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
    try:
        # Not atomic from shared to exclusive: whoever gets it looks again.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fcntl.flock(lock, fcntl.LOCK_SH)
        return None
    try:
        return Catalogue(path)
    except sqlite3.DatabaseError:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return Catalogue(path)
    finally:
        fcntl.flock(lock, fcntl.LOCK_SH)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite complains of the file's contents, not of locks or of the disk."""
    text = str(error)
    return any(word in text for word in ("malformed", "not a database", "damaged", "disk image"))
