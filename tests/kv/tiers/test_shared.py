from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.kv.tiers.shared import is_damage, open_shared
from tests.kv.tiers.support import line


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def test_what_was_entered_is_there_again(tmp_path: Path, lock: int) -> None:
    for pages in (0, 1):
        opened = open_shared(tmp_path / "books", lock)
        assert opened is not None
        assert opened.has(line(1)) == pages
        with opened.change():
            opened.add(line(1)[0], 100, 0.0)
        opened.close()


def test_a_damaged_one_is_replaced_unless_somebody_else_uses_it(tmp_path: Path, lock: int) -> None:
    path = tmp_path / "books"
    path.write_bytes(b"garbage" * 1000)
    other = os.open(tmp_path / "lock", os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_SH)
    assert open_shared(path, lock) is None
    assert path.read_bytes().startswith(b"garbage")
    os.close(other)
    opened = open_shared(path, lock)
    assert opened is not None
    assert opened.has(line(1)) == 0
    opened.close()


def test_a_lock_and_a_full_disk_are_no_damage() -> None:
    assert is_damage(sqlite3.DatabaseError("database disk image is malformed"))
    assert is_damage(sqlite3.DatabaseError("file is not a database"))
    assert not is_damage(sqlite3.OperationalError("database is locked"))
    assert not is_damage(sqlite3.OperationalError("database or disk is full"))
