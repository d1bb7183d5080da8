from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headstart.kv.open import open_disk, open_remote, open_store, parse_size
from headstart.kv.tiers import TierUnavailable
from tests.kv.tiers.support import FINGERPRINT, fill, load


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ("20G", 20 << 30), ("20GiB", 20 << 30), ("1.5 m", 3 << 19), ("2tb", 2 << 40)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1", "10X", "1e9"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize("spec", ["/tmp", "10G", ":10G"])
def test_what_is_no_disk(spec: str) -> None:
    with pytest.raises(ValueError, match="PATH:SIZE"):
        open_disk(spec)


@pytest.mark.parametrize("url", ["ftp://x", "x", "gs://bucket/prefix"])
def test_what_is_no_remote(url: str) -> None:
    with pytest.raises(ValueError, match="remote"):
        open_remote(url)


def test_a_missing_client_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkey", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(TierUnavailable, match=r"headstart\[valkey\]"):
        open_remote("valkey://127.0.0.1/0")
    with pytest.raises(TierUnavailable, match=r"headstart\[s3\]"):
        open_remote("s3://bucket/prefix")


def test_a_store_without_tiers_misses() -> None:
    store = open_store(FINGERPRINT)
    fill(store, 3)
    assert load(store, 3) == 0
    store.close()


def test_floors_split_the_disk(tmp_path: Path) -> None:
    tier, _ = open_disk(f"{tmp_path}:10000", tenants=4, strict=True)
    assert tier.quota[1:] == (2500, True)
    tier.close()


def test_a_disk_store_needs_no_torch_and_no_remote_client(tmp_path: Path) -> None:
    code = f"""
import sys
from headstart.kv.open import open_store
from tests.kv.tiers.support import FINGERPRINT, fill, load
store = open_store(FINGERPRINT, disk={f"{tmp_path}:1M"!r})
fill(store, 2)
assert load(store, 2) == 2
store.close()
loaded = {{"torch", "transformers", "obstore", "valkey", "boto3"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path.cwd())
