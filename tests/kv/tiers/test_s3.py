from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.kv.open import open_remote, open_store
from headstart.kv.seal import MasterKey
from headstart.kv.tiers.s3 import S3Tier
from headstart.kv.tiers.s3_bucket import connect
from tests.kv.tiers.support import ACME, FINGERPRINT, fill, line, load, tokens

DATA = b"d" * 100
LIMIT = 1000


@pytest.fixture
def tier(s3_url: str) -> Iterator[S3Tier]:
    opened = S3Tier(connect(s3_url), LIMIT)
    yield opened
    opened.close()


def another(url: str) -> S3Tier:
    """The same bucket, from another host, its books up to date."""
    tier = S3Tier(connect(url), LIMIT)
    tier.refresh()
    return tier


def test_another_hosts_pages_are_found_listed_or_not(tier: S3Tier, s3_url: str) -> None:
    other = another(s3_url)
    for count in range(8):
        assert other.has(line(8)) == count
        assert tier.put(line(8)[count], [DATA])
    assert other.get(line(8)[7]) == DATA
    other.refresh()
    assert other.stats().stored_bytes == 800
    other.close()


def test_what_is_listed_is_evicted_tail_first(tier: S3Tier, s3_url: str) -> None:
    for key in line(9):
        tier.put(key, [DATA])
    other = another(s3_url)
    for key in line(4, branch=1):
        assert other.put(key, [DATA])
    tier.refresh()
    assert tier.stats().stored_bytes == LIMIT
    assert tier.has(line(9)) == 6
    other.close()


def test_leases_and_pins_are_kept_by_other_hosts_and_after_a_restart(
    tier: S3Tier, s3_url: str
) -> None:
    for key in [*line(3), *line(3, branch=1), *line(3, branch=2)]:
        tier.put(key, [DATA])
    now = time.time()
    assert tier.lease(line(3), now + 1000, now) == 3
    assert tier.lease(line(3), now + 1010, now) == 3
    assert tier.pin(line(2, branch=1)) == 2
    other = another(s3_url)
    stats = other.stats()
    assert (stats.leased_bytes, stats.pinned_bytes) == (300, 200)
    for key in line(5, branch=3):
        assert other.put(key, [DATA])
    assert other.has(line(3)) == 3
    assert other.has(line(3, branch=1)) == 2
    assert tier.unpin(line(2, branch=1)) == 2
    third = another(s3_url)
    assert third.stats().pinned_bytes == 0
    other.close()
    third.close()


def test_a_store_on_a_bucket(s3_url: str, tmp_path: Path) -> None:
    master = MasterKey(b"m" * 32)
    first = open_store(FINGERPRINT, disk=f"{tmp_path / 'a'}:1M", remotes=[s3_url], master=master)
    fill(first, 5)
    second = open_store(FINGERPRINT, disk=f"{tmp_path / 'b'}:1M", remotes=[s3_url], master=master)
    located = second.probe(second.prefix(tokens(5), ACME))
    assert located.tiers == (1,) * 5
    assert load(second, 5) == 5
    assert second.flush(10)
    assert second.probe(located.prefix).tiers == (0,) * 5
    first.forget("acme")
    second.keyring.refresh()
    assert load(second, 5) == 0
    assert first.flush(10)
    assert list(first.tiers[1].entries()) == []
    first.close()
    second.close()


def test_a_damaged_object_is_a_counted_miss(s3_url: str) -> None:
    store = open_store(FINGERPRINT, remotes=[s3_url])
    fill(store, 3)
    import obstore

    key = store.prefix(tokens(3), ACME).keys[1]
    path = f"pages/{key.model}/{key.scope}/{key.name}.1.{key.parent}"
    bucket = connect(s3_url)
    data = bytearray(bytes(obstore.get(bucket, path).bytes()))
    data[-1] ^= 1
    obstore.put(bucket, path, bytes(data))
    assert load(store, 3) == 1
    assert store.stats().damaged == 1
    fill(store, 3)
    store.close()


def test_the_url_sets_the_limit(s3_url: str) -> None:
    guard, _ = open_remote(s3_url + "&limit=3M")
    assert guard.stats().limit_bytes == 3 << 20
    guard.close()
