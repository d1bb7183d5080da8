"""A real PostgreSQL, in a folder of its own, on a free port."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.postgresql import Server, binaries


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Server]:
    """A fresh server; skips without its binaries."""
    pytest.importorskip("psycopg")
    folder = binaries()
    if folder is None:
        pytest.skip("no PostgreSQL (Debian's package postgresql)")
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    base = Path(tempfile.mkdtemp(prefix="pg-", dir=memory))
    server = Server(folder, base)
    try:
        server.create()
        server.start()
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            server.stop()
        shutil.rmtree(base, ignore_errors=True)
