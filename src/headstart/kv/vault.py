"""Where key records lie: small named blobs, replaced whole, seen by every process."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Hashable
from pathlib import Path

_SUFFIX = ".json"
_STALE_SECONDS = 60.0


class VaultError(Exception):
    """The vault can't be read or written."""


class Vault(ABC):
    """Every method raises VaultError when the vault can't be reached."""

    name: str
    poll_seconds: float
    """How often a process looks for changes that others made."""

    @abstractmethod
    def version(self) -> Hashable:
        """Differs whenever a record was written or created; cheap."""

    @abstractmethod
    def records(self) -> dict[str, bytes]:
        """All records by id."""

    @abstractmethod
    def create(self, record: str, data: bytes) -> bytes:
        """Write a record unless there is one; returns the one there is."""

    @abstractmethod
    def write(self, record: str, data: bytes) -> None:
        """Replace a record; durable on return."""


class DirectoryVault(Vault):
    """One file a record, replaced by rename, file and directory fsynced."""

    name = "disk"
    poll_seconds = 1.0

    def __init__(self, path: Path) -> None:
        """Creates the directory, readable by its owner alone; VaultError."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._sweep()
        except OSError as error:
            raise VaultError(str(error)) from error

    def version(self) -> Hashable:
        """Name, inode, time and size of every file."""
        try:
            with os.scandir(self.path) as entries:
                found = [(e.name, e.stat()) for e in entries if e.name.endswith(_SUFFIX)]
        except OSError as error:
            raise VaultError(str(error)) from error
        return frozenset((n, s.st_ino, s.st_mtime_ns, s.st_size) for n, s in found)

    def records(self) -> dict[str, bytes]:
        """All records by id."""
        try:
            return {
                file.name.removesuffix(_SUFFIX): file.read_bytes()
                for file in self.path.iterdir()
                if file.suffix == _SUFFIX
            }
        except OSError as error:
            raise VaultError(str(error)) from error

    def create(self, record: str, data: bytes) -> bytes:
        """Write a record unless there is one; returns the one there is."""
        target = self.path / (record + _SUFFIX)
        try:
            temporary = self._temporary(data)
            try:
                os.link(temporary, target)
                self._sync()
            except FileExistsError:
                return target.read_bytes()
            finally:
                temporary.unlink()
        except OSError as error:
            raise VaultError(str(error)) from error
        return data

    def write(self, record: str, data: bytes) -> None:
        """Replace a record; durable on return."""
        try:
            self._temporary(data).replace(self.path / (record + _SUFFIX))
            self._sync()
        except OSError as error:
            raise VaultError(str(error)) from error

    def _temporary(self, data: bytes) -> Path:
        path = self.path / f".{secrets.token_hex(8)}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        return path

    def _sweep(self) -> None:
        """Remove what a process that died while writing left behind."""
        for file in self.path.glob(".*"):
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime < time.time() - _STALE_SECONDS:
                    file.unlink()

    def _sync(self) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
