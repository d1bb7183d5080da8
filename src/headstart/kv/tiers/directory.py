"""The disk tier's files: where each page lies, how it is written, what is swept up.

::

    ROOT/pages/MODEL/SCOPE/NA/NAME.PAGE.PARENT   one page; NA: the name's first two digits
    ROOT/tmp/RANDOM/                             one process's unfinished files
    ROOT/quarantine/                             damaged pages
    ROOT/catalogue.sqlite                        see ``Catalogue``

A path says all that the catalogue must know: it is rebuilt without opening a page.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from headstart.kv.tiers.contract import Buffer, PageKey, Seen
from headstart.kv.tiers.memory import PIECE_BYTES

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Neither a link nor a pipe in a page's place is followed or waited for."""
_MOST_PIECES = 1000
"""Below IOV_MAX (1,024)."""
_LEAF = re.compile(r"([0-9a-f]{40})\.([0-9]{1,9})\.((?!\1)[0-9a-f]{40})")


class Directory:
    """Files only: no books, no locks but on its own temporary directory."""

    def __init__(self, root: Path, quarantine_bytes: int) -> None:
        """Creates what is missing and sweeps up what dead processes left; OSError."""
        self.root = root
        self.pages = root / "pages"
        self.quarantine = root / "quarantine"
        self._quarantine_bytes = quarantine_bytes
        for directory in (self.pages, self.quarantine, root / "tmp"):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()
        self._own, self._alive = _claim(root / "tmp")

    def path(self, key: PageKey) -> Path:
        """Where a page lies."""
        leaf = f"{key.name}.{key.page}.{key.parent}"
        return self.pages / key.model / key.scope / key.name[:2] / leaf

    def expect(self, key: PageKey) -> None:
        """Have the kernel start reading a page that is about to be asked for."""
        with contextlib.suppress(OSError):
            fd = os.open(self.path(key), _READ)
            try:
                if not _is_cached(fd):
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)
            finally:
                os.close(fd)

    def read(self, key: PageKey, into: Sequence[memoryview], seen: Seen) -> int | None:
        """Fill the buffers; the file's size, None if there is none. OSError."""
        try:
            fd = os.open(self.path(key), _READ)
        except FileNotFoundError:
            return None
        try:
            size = os.fstat(fd).st_size
            if size != sum(len(buffer) for buffer in into):
                return size
            done = 0
            for pieces in _batches(into):
                count = _fill(fd, pieces, done)
                done += count
                if count < sum(len(piece) for piece in pieces):
                    return done  # cut short since fstat
                for piece in pieces:
                    seen(piece)
            return size
        finally:
            os.close(fd)

    def write(self, parts: Sequence[Buffer]) -> Path:
        """Write a temporary file; not fsynced: a torn page fails its checksum. OSError."""
        path = self._own / secrets.token_hex(8)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            for part in parts:
                view = memoryview(part)
                while len(view):
                    view = view[os.write(fd, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        finally:
            os.close(fd)
        return path

    def place(self, temporary: Path, key: PageKey) -> None:
        """Give a temporary file its name; atomic. OSError."""
        target = self.path(key)
        try:
            temporary.rename(target)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary.rename(target)

    def remove(self, key: PageKey) -> None:
        """Delete a page's file if it is there; OSError."""
        self.path(key).unlink(missing_ok=True)

    def set_aside(self, path: Path) -> None:
        """Move a file to quarantine, dropping what is oldest there; OSError."""
        try:
            size = path.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            return
        held = [(e.stat(follow_symlinks=False), e.path) for e in os.scandir(self.quarantine)]
        total = sum(stat.st_size for stat, _ in held) + size
        for stat, old in sorted(held, key=lambda item: item[0].st_mtime_ns):
            if total <= self._quarantine_bytes:
                break
            os.unlink(old)
            total -= stat.st_size
        if size > self._quarantine_bytes:
            path.unlink()
        else:
            path.rename(self.quarantine / f"{path.name}.{secrets.token_hex(4)}")

    def walk(self) -> Iterator[tuple[PageKey, os.DirEntry[str]]]:
        """Every page's file; files that are none are set aside. OSError."""
        strays = []
        for model, scope, shard in self._shards():
            for entry in os.scandir(shard):
                match = _LEAF.fullmatch(entry.name)
                if match and entry.is_file(follow_symlinks=False):
                    name, page, parent = match.groups()
                    key = PageKey(model.name, scope.name, name, parent, int(page))
                    if self.path(key).as_posix() == Path(entry.path).as_posix():
                        yield key, entry
                        continue
                if not entry.is_dir(follow_symlinks=False):
                    strays.append(Path(entry.path))
        for stray in strays:
            self.set_aside(stray)

    def prune(self) -> None:
        """Remove directories that hold nothing."""
        for _, scope, shard in list(self._shards()):
            for directory in (Path(shard.path), Path(scope.path)):
                with contextlib.suppress(OSError):
                    directory.rmdir()

    def close(self) -> None:
        """Remove this process's temporary directory."""
        shutil.rmtree(self._own, ignore_errors=True)
        os.close(self._alive)

    def _shards(self) -> Iterator[tuple[os.DirEntry[str], os.DirEntry[str], os.DirEntry[str]]]:
        for model in _directories(self.pages):
            for scope in _directories(model.path):
                for shard in _directories(scope.path):
                    yield model, scope, shard

    def _sweep(self) -> None:
        for entry in _directories(self.root / "tmp"):
            try:
                lock = _lock(Path(entry.path))
            except OSError:
                continue
            shutil.rmtree(entry.path, ignore_errors=True)
            os.close(lock)


def _directories(path: Path | str) -> list[os.DirEntry[str]]:
    with contextlib.suppress(FileNotFoundError), os.scandir(path) as entries:
        return [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    return []


def _claim(parent: Path) -> tuple[Path, int]:
    """A new directory and the lock on it. Until it is locked, another process that opens
    the store may take it for a dead one's and sweep it up: then make another."""
    while True:
        own = parent / secrets.token_hex(8)
        own.mkdir(mode=0o700)
        try:
            lock = _lock(own)
        except (BlockingIOError, FileNotFoundError):
            continue
        if own.exists():
            return own, lock
        os.close(lock)


def _lock(directory: Path) -> int:
    """Lock a directory for as long as this process lives; OSError if another has it."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd


def _is_cached(fd: int) -> bool:
    """Whether a file's last byte is in memory. To advise the kernel of a page that is takes a
    tenth of the time of reading it."""
    try:
        end = os.fstat(fd).st_size
        return os.preadv(fd, [bytearray(1)], max(0, end - 1), os.RWF_NOWAIT) == 1
    except BlockingIOError:
        return False


def _batches(into: Sequence[memoryview]) -> Iterator[list[memoryview]]:
    """The buffers in order, cut and grouped into reads of about ``PIECE_BYTES``."""
    batch: list[memoryview] = []
    size = 0
    for buffer in into:
        for at in range(0, len(buffer), PIECE_BYTES):
            piece = buffer[at : at + PIECE_BYTES]
            if batch and (size + len(piece) > PIECE_BYTES or len(batch) == _MOST_PIECES):
                yield batch
                batch, size = [], 0
            batch.append(piece)
            size += len(piece)
    if batch:
        yield batch


def _fill(fd: int, pieces: Sequence[memoryview], offset: int) -> int:
    """Read until the buffers are full or the file ends."""
    wanted = sum(len(piece) for piece in pieces)
    done = os.preadv(fd, pieces, offset)
    while done < wanted:
        rest = _skip(pieces, done)
        more = os.preadv(fd, rest, offset + done)
        if not more:
            break
        done += more
    return done


def _skip(pieces: Sequence[memoryview], done: int) -> list[memoryview]:
    rest = []
    for piece in pieces:
        if done < len(piece):
            rest.append(piece[done:])
        done = max(0, done - len(piece))
    return rest
