"""A real Valkey, and gateways' parts that share it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.kv.tiers.support import valkey_server


@pytest.fixture(scope="session")
def valkey_base() -> Iterator[str]:
    with valkey_server() as url:
        yield url


@pytest.fixture
def valkey_url(valkey_base: str) -> str:
    return f"{valkey_base}?namespace={secrets.token_hex(4)}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
