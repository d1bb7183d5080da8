"""Servers are started once a session, and emptied by name space, not by restart."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kv.tiers.support import s3_server, valkey_server


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory in memory where there is one: a busy disk's fsync may take seconds."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="tiers-", dir=memory) as path:
        yield Path(path)


@pytest.fixture(scope="session")
def valkey_base() -> Iterator[str]:
    with valkey_server() as url:
        yield url


@pytest.fixture
def valkey_url(valkey_base: str) -> str:
    return f"{valkey_base}?namespace={secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def s3_base() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        with s3_server() as url:
            yield url


@pytest.fixture
def s3_url(s3_base: str) -> str:
    return s3_base.replace("/base", f"/{secrets.token_hex(4)}")
