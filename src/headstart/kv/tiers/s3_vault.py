"""Key records in a bucket, beside the pages that they unlock."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from headstart.kv.vault import Vault, VaultError

if TYPE_CHECKING:
    from obstore.store import S3Store


class S3Vault(Vault):
    """``keyring/ID.json``. A bucket with versioning keeps old ones: see the
    operations manual on forgetting."""

    name = "s3"
    poll_seconds = 10.0

    def __init__(self, store: S3Store) -> None:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        self._api = obstore
        self._exists = AlreadyExistsError
        self._store = store

    def version(self) -> Hashable:
        """Path and entity tag of every record."""
        with _vault_errors():
            return frozenset((meta["path"], meta["e_tag"]) for meta in self._list())

    def records(self) -> dict[str, bytes]:
        """All records by id."""
        with _vault_errors():
            return {
                meta["path"].removeprefix("keyring/").removesuffix(".json"): bytes(
                    self._api.get(self._store, meta["path"]).bytes()
                )
                for meta in self._list()
            }

    def create(self, record: str, data: bytes) -> bytes:
        """Write a record unless there is one; returns the one there is."""
        path = f"keyring/{record}.json"
        with _vault_errors():
            try:
                self._api.put(self._store, path, data, mode="create")
            except self._exists:
                return bytes(self._api.get(self._store, path).bytes())
        return data

    def write(self, record: str, data: bytes) -> None:
        """Replace a record."""
        with _vault_errors():
            self._api.put(self._store, f"keyring/{record}.json", data)

    def _list(self) -> Iterator[Any]:
        for chunk in self._api.list(self._store, "keyring/"):
            yield from chunk


@contextlib.contextmanager
def _vault_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise VaultError(f"s3: {error}") from error
