from __future__ import annotations

import pytest

from headstart.kv.keyring import Keyring
from headstart.kv.tiers.s3_bucket import connect
from headstart.kv.tiers.s3_vault import S3Vault
from headstart.kv.vault import VaultError
from tests.kv.tiers.support import free_port


def test_two_hosts_make_one_set_of_keys(s3_url: str) -> None:
    first, second = (Keyring([S3Vault(connect(s3_url))]) for _ in range(2))
    assert first.tenant("acme") == second.tenant("acme")
    assert first.propagation == 20.0


def test_the_first_of_two_writers_wins(s3_url: str) -> None:
    first, second = (S3Vault(connect(s3_url)) for _ in range(2))
    before = first.version()
    assert first.create("ab", b"one") == b"one"
    assert second.create("ab", b"two") == b"one"
    assert first.version() != before
    second.write("ab", b"three")
    assert first.records() == {"ab": b"three"}


def test_a_bucket_out_of_reach_is_an_error_of_the_vault() -> None:
    url = f"s3://bucket/x?endpoint=http://127.0.0.1:{free_port()}&anonymous=1"
    with pytest.raises(VaultError, match=r"^s3: "):
        S3Vault(connect(url)).records()
