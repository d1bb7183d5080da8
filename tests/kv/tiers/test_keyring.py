from __future__ import annotations

import base64
import json
import os
from collections.abc import Hashable
from pathlib import Path

import pytest

from headstart.kv.keyring import Keyring, KeyringDamaged, KeyringError, TenantKeys, WrongMasterKey
from headstart.kv.seal import BadMasterKey, MasterKey
from headstart.kv.vault import DirectoryVault, Vault, VaultError
from tests.waiting import wait_until

OLD, NEW = MasterKey(b"o" * 32), MasterKey(b"n" * 32)


class FlakyVault(DirectoryVault):
    """A vault that can be out of reach."""

    name = "flaky"
    down = False

    def version(self) -> Hashable:
        self._check()
        return super().version()

    def records(self) -> dict[str, bytes]:
        self._check()
        return super().records()

    def create(self, record: str, data: bytes) -> bytes:
        self._check()
        return super().create(record, data)

    def write(self, record: str, data: bytes) -> None:
        self._check()
        super().write(record, data)

    def _check(self) -> None:
        if self.down:
            raise VaultError("out of reach")


def ring(path: Path, master: MasterKey | None = None, previous: MasterKey | None = None) -> Keyring:
    return Keyring([DirectoryVault(path)], master, previous)


@pytest.mark.parametrize("master", [None, OLD])
def test_keys_survive_and_differ_between_tenants(tmp_path: Path, master: MasterKey | None) -> None:
    keys = ring(tmp_path, master)
    acme, other = keys.tenant("acme"), keys.tenant("other")
    assert acme.scope != other.scope
    assert acme.naming_key() != other.naming_key() != acme.naming_key("salt")
    assert (acme.data is None) == (master is None)
    again = ring(tmp_path, master)
    assert again.tenants() == ["acme", "other"]
    assert again.tenant("acme") == acme
    assert again.named(acme.scope) == "acme"
    assert again.holder(acme.scope) == acme
    assert again.holder("00" * 16) is None


def test_nothing_secret_lies_in_a_wrapped_record(tmp_path: Path) -> None:
    keys = ring(tmp_path, OLD).tenant("acme")
    assert keys.data
    (file,) = tmp_path.glob("*.json")
    text = file.read_bytes()
    for secret in (keys.secret, keys.data.key):
        assert secret not in text
        assert secret.hex().encode() not in text
    assert file.stat().st_mode & 0o077 == 0
    assert keys.secret.hex() not in repr(keys)


def test_a_wrong_master_key_is_an_error_not_garbage(tmp_path: Path) -> None:
    ring(tmp_path, OLD).tenant("acme")
    with pytest.raises(WrongMasterKey, match="acme"):
        ring(tmp_path, NEW)
    with pytest.raises(WrongMasterKey, match="master key is needed"):
        ring(tmp_path)


def test_rotation_keeps_every_key(tmp_path: Path) -> None:
    keys = ring(tmp_path, OLD)
    before = [keys.tenant(f"t{i}") for i in range(3)]
    assert keys.rotate(NEW) == 3
    assert keys.rotate(NEW) == 0
    with pytest.raises(WrongMasterKey):
        ring(tmp_path, OLD)
    after = ring(tmp_path, NEW)
    assert [after.tenant(f"t{i}") for i in range(3)] == before


def test_an_interrupted_rotation_is_finished_at_the_next_start(tmp_path: Path) -> None:
    keys = ring(tmp_path, OLD)
    before = [keys.tenant("a"), keys.tenant("b")]
    files = {path: path.read_bytes() for path in tmp_path.glob("*.json")}
    keys.rotate(NEW)
    path, data = next(iter(files.items()))
    path.write_bytes(data)
    with pytest.raises(WrongMasterKey):
        ring(tmp_path, NEW)
    both = ring(tmp_path, NEW, previous=OLD)
    assert [both.tenant("a"), both.tenant("b")] == before
    assert ring(tmp_path, NEW).tenants() == ["a", "b"]


def test_a_process_with_the_old_master_key_goes_on(tmp_path: Path) -> None:
    first, second = ring(tmp_path, OLD), ring(tmp_path, OLD)
    acme = first.tenant("acme")
    second.refresh()
    first.rotate(NEW)
    second.refresh()
    assert second.tenant("acme") == acme
    first.tenant("later")
    second.refresh()
    with pytest.raises(WrongMasterKey):
        second.tenant("later")


def test_sealing_a_plain_store_replaces_its_keys(tmp_path: Path) -> None:
    plain = ring(tmp_path).tenant("acme")
    sealed = ring(tmp_path, OLD).tenant("acme")
    assert sealed.data
    assert sealed.scope != plain.scope


def test_forgetting_reaches_other_processes_in_time(tmp_path: Path) -> None:
    first, second = ring(tmp_path, OLD), ring(tmp_path, OLD)
    second.watch()
    told: list[TenantKeys] = []
    second.on_forget(told.append)
    old = first.tenant("acme")
    second.refresh()
    assert second.tenant("acme") == old
    assert first.forget("acme")
    assert first.tenant("acme").scope != old.scope
    assert first.holder(old.scope) is None
    wait_until(lambda: told)
    assert told == [old]
    assert second.tenant("acme") == first.tenant("acme")
    assert second.propagation == 2.0
    second.close()


def test_the_wrapped_key_is_gone_from_disk(tmp_path: Path) -> None:
    keys = ring(tmp_path, OLD)
    keys.tenant("acme")
    (file,) = tmp_path.glob("*.json")
    blob = json.loads(file.read_text())["blob"]
    keys.forget("acme")
    assert all(blob.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_nobody_can_be_forgotten_who_has_no_keys(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        ring(tmp_path).forget("stranger")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version": 1}', b"\xff\xfe"])
def test_a_damaged_record_is_a_clear_error(tmp_path: Path, damage: bytes) -> None:
    ring(tmp_path, OLD).tenant("acme")
    (file,) = tmp_path.glob("*.json")
    file.write_bytes(damage)
    with pytest.raises(KeyringDamaged, match=file.stem):
        ring(tmp_path, OLD)


def test_no_flipped_character_of_a_record_goes_unnoticed(tmp_path: Path) -> None:
    ring(tmp_path, OLD).tenant("acme")
    (file,) = tmp_path.glob("*.json")
    data = file.read_bytes()
    for place in range(0, len(data), 3):
        changed = bytearray(data)
        changed[place] ^= 1
        file.write_bytes(changed)
        if json_equal(data, changed):
            continue
        with pytest.raises(KeyringError):
            ring(tmp_path, OLD)


def json_equal(a: bytes, b: bytearray) -> bool:
    try:
        return bool(json.loads(a) == json.loads(b))
    except ValueError:
        return False


def test_another_vaults_copy_heals_a_damaged_record(tmp_path: Path) -> None:
    vaults = [DirectoryVault(tmp_path / "a"), DirectoryVault(tmp_path / "b")]
    acme = Keyring(vaults, OLD).tenant("acme")
    (file,) = (tmp_path / "a").glob("*.json")
    file.write_bytes(b"damaged")
    healed = Keyring(vaults, OLD)
    assert healed.tenant("acme") == acme
    healed.refresh()
    assert Keyring([vaults[0]], OLD).tenant("acme") == acme


def test_two_hosts_agree_on_a_tenant_they_met_at_the_same_time(tmp_path: Path) -> None:
    shared = DirectoryVault(tmp_path / "shared")
    hosts = [Keyring([DirectoryVault(tmp_path / name), shared]) for name in "ab"]
    assert hosts[0].tenant("acme") == hosts[1].tenant("acme")


def test_what_happened_during_an_outage_is_caught_up_with(tmp_path: Path) -> None:
    shared = FlakyVault(tmp_path / "shared")
    near = Keyring([DirectoryVault(tmp_path / "a"), shared])
    far = Keyring([DirectoryVault(tmp_path / "b"), FlakyVault(tmp_path / "shared")])
    old = near.tenant("acme")
    assert far.tenant("acme") == old
    shared.down = True
    assert not near.forget("acme")
    assert near.tenant("acme").scope != old.scope
    far.refresh()
    assert far.tenant("acme") == old
    shared.down = False
    near.refresh()
    assert near.complete
    far.refresh()
    assert far.tenant("acme") == near.tenant("acme") != old


def test_a_dead_processes_half_written_record_is_swept_up(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    keys.tenant("acme")
    old, new = tmp_path / ".old", tmp_path / ".new"
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (1.0, 1.0))
    assert ring(tmp_path).tenants() == ["acme"]
    assert (old.exists(), new.exists()) == (False, True)


def test_a_vault_out_of_reach_is_waited_for_once(tmp_path: Path) -> None:
    shared = FlakyVault(tmp_path / "shared")
    keys = Keyring([DirectoryVault(tmp_path / "a"), shared])
    shared.down = True
    keys.tenant("first")
    faults = keys.faults
    keys.tenant("second")
    assert keys.faults == faults
    shared.down = False
    keys.refresh()
    assert len(shared.records()) == 2


def test_tenants_that_hosts_met_apart_end_up_with_one_set_of_keys(tmp_path: Path) -> None:
    vaults = [FlakyVault(tmp_path / "shared"), FlakyVault(tmp_path / "shared")]
    hosts = [
        Keyring([DirectoryVault(tmp_path / name), vault])
        for name, vault in zip("ab", vaults, strict=True)
    ]
    for vault in vaults:
        vault.down = True
    first = hosts[0].tenant("acme")
    assert hosts[1].tenant("acme") != first
    for vault in vaults:
        vault.down = False
    for _ in range(2):
        for host in hosts:
            host.refresh()
    # The older one counts.
    assert hosts[0].tenant("acme") == hosts[1].tenant("acme") == first


def test_a_restored_backup_does_not_bring_a_forgotten_tenant_back(tmp_path: Path) -> None:
    vaults: list[Vault] = [DirectoryVault(tmp_path / "a"), DirectoryVault(tmp_path / "b")]
    keys = Keyring(vaults)
    old = keys.tenant("acme")
    backup = {path: path.read_bytes() for path in (tmp_path / "a").glob("*.json")}
    keys.forget("acme")
    for path, data in backup.items():
        path.write_bytes(data)
    keys.refresh()
    assert keys.tenant("acme").scope != old.scope
    assert Keyring([vaults[0]]).tenant("acme").scope != old.scope


def test_master_keys_are_read_from_files_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text((b"o" * 32).hex() + "\n")
    assert MasterKey.load(f"file:{file}").id == OLD.id
    monkeypatch.setenv("MASTER", base64.b64encode(b"n" * 32).decode())
    assert MasterKey.load("env:MASTER").id == NEW.id
    for bad in ("file:/nonexistent", "env:MISSING", "hunter2"):
        with pytest.raises(BadMasterKey):
            MasterKey.load(bad)
    for text in ("", "abc", "00" * 31, "zz" * 32, base64.b64encode(b"short").decode()):
        with pytest.raises(BadMasterKey):
            MasterKey.parse(text)
