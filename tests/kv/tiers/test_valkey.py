from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headstart.kv.keyring import Keyring
from headstart.kv.open import open_remote, open_store
from headstart.kv.tiers.valkey import ValkeyTier, ValkeyVault, connect, namespace
from tests.kv.tiers.support import ACME, FINGERPRINT, fill, line, load, tokens

DATA = b"d" * 100


@pytest.fixture
def client(valkey_url: str) -> Any:
    return connect(valkey_url)


def tier(client: Any, url: str, limit: int = 1000) -> ValkeyTier:
    return ValkeyTier(client, limit, space=namespace(url))


def test_hosts_share_books_leases_and_pins(client: Any, valkey_url: str) -> None:
    first, second = tier(client, valkey_url), tier(connect(valkey_url), valkey_url)
    for key in [*line(4), *line(4, branch=1)]:
        assert first.put(key, [DATA])
    assert second.has(line(4)) == 4
    assert first.lease(line(2), 5e9, 1.0) == 2
    assert second.pin(line(2, branch=1)) == 2
    for key in line(6, branch=2):
        assert second.put(key, [DATA])
    assert first.stats().stored_bytes == second.stats().stored_bytes == 1000
    assert first.has(line(4)) == first.has(line(4, branch=1)) == 2


def test_what_the_server_lost_leaves_the_books(client: Any, valkey_url: str) -> None:
    one = tier(client, valkey_url)
    for key in line(3):
        one.put(key, [DATA])
    client.delete(one._data(line(3)[1]))
    assert one.has(line(3)) == 1
    assert one.get(line(3)[1]) is None
    stats = one.stats()
    assert (stats.objects, stats.stored_bytes, stats.misses) == (2, 200, 1)
    assert one.put(line(3)[1], [DATA])
    assert one.has(line(3)) == 3


def test_dropping_everything_leaves_no_key_behind(client: Any, valkey_url: str) -> None:
    one = tier(client, valkey_url)
    for key in line(3):
        one.put(key, [DATA])
    one.touch(line(3), 5.0)
    one.lease(line(3), 5e9, 1.0)
    one.pin(line(1))
    for key in line(3):
        one.delete(key)
    left = {key.decode().rpartition(":")[2] for key in client.keys(f"{namespace(valkey_url)}:*")}
    assert left == {"seq"}


def test_a_store_on_a_server(valkey_url: str, tmp_path: Path) -> None:
    first = open_store(FINGERPRINT, disk=f"{tmp_path / 'a'}:1M", remotes=[valkey_url])
    fill(first, 5)
    second = open_store(FINGERPRINT, disk=f"{tmp_path / 'b'}:1M", remotes=[valkey_url])
    located = second.probe(second.prefix(tokens(5), ACME))
    assert located.tiers == (1,) * 5
    assert load(second, 5) == 5
    assert second.flush(10)
    assert second.probe(located.prefix).tiers == (0,) * 5
    first.forget("acme")
    second.keyring.refresh()
    assert load(second, 5) == 0
    first.close()
    second.close()


def test_two_hosts_make_one_set_of_keys(valkey_url: str) -> None:
    space = namespace(valkey_url)
    first, second = (Keyring([ValkeyVault(connect(valkey_url), space)]) for _ in range(2))
    old = first.tenant("acme")
    assert second.tenant("acme") == old
    first.forget("acme")
    second.refresh()
    assert second.tenant("acme") == first.tenant("acme") != old
    assert first.propagation == 2.0


def test_the_url_sets_the_limit(valkey_url: str) -> None:
    guard, _ = open_remote(valkey_url + "&limit=3M")
    assert guard.stats().limit_bytes == 3 << 20
    guard.close()
