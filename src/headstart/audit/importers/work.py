"""Logs as pieces of work: whole files, and parts of big ones that begin with a line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from glob import glob, has_magic
from pathlib import Path
from typing import Final, NamedTuple

from headstart.audit.importers.opening import PIECE

PART: Final = 64 << 20
"""Bytes of a part."""
_SUFFIXES: Final = (".json", ".jsonl", ".ndjson", ".log", ".har", ".db", ".sqlite", ".txt")
_PACKED: Final = ("", ".gz", ".zst", ".zstd")


class Work(NamedTuple):
    """One file, or some lines of it. Can be sent to another process."""

    path: str
    """``-`` is standard input."""
    size: int | None = None
    """Bytes that will be read of it; None where that is not known."""
    start: int = 0
    end: int | None = None
    """Bytes of a file that is not compressed; None is its end."""
    line: int = 1
    """Number of the line at ``start``."""
    format: str | None = None
    """Name of an importer; None is for whichever suits."""
    results: tuple[str, ...] = ()
    """Files that have to be read before: results of the batches whose requests these are."""
    more: tuple[str, ...] = ()
    """Files that have to be read together with it, after it."""


class NoLogs(ValueError):
    """There is nothing to read where one was told to; the text says why."""


def files_of(given: Iterable[str | Path]) -> list[str]:
    """Files, the logs in folders and below them, what glob patterns match, and ``-``; each
    once, in order. NoLogs."""
    found: dict[str, None] = {}
    for path in map(str, given):
        found |= dict.fromkeys(_files(path))
    return list(found)


def _files(path: str) -> list[str]:
    if path == "-" or os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        inside = sorted(_logs(path))
        if not inside:
            raise NoLogs(f"{path}: no logs in this folder")
        return inside
    if os.path.exists(path):
        return [path]  # a pipe
    matched = sorted(glob(path, recursive=True)) if has_magic(path) else []
    if not matched:
        raise NoLogs(f"{path}: no such file or folder")
    return [file for match in matched for file in _files(match)]


def _logs(folder: str) -> Iterator[str]:
    endings = tuple(suffix + packed for suffix in _SUFFIXES for packed in _PACKED)
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and name.lower().endswith(endings):
                yield os.path.join(where, name)


def parts_of(work: Work, size: int = PART) -> list[Work]:
    """The same in parts of about ``size`` bytes, each beginning with a line; for files whose
    rows stand alone. OSError."""
    with open(work.path, "rb", buffering=0) as file:
        total = os.fstat(file.fileno()).st_size
        if total <= size:
            return [work]
        found: list[Work] = []
        start, line, at, lines = 0, 1, 0, 0
        while piece := file.read(min(PIECE, size)):
            ended = -1
            if at + len(piece) - start >= size:
                ended = piece.rfind(b"\n")
            if ended >= 0:
                lines += piece.count(b"\n", 0, ended + 1)
                end = at + ended + 1
                found.append(work._replace(size=end - start, start=start, end=end, line=line))
                start, line, lines = end, line + lines, piece.count(b"\n", ended + 1)
            else:
                lines += piece.count(b"\n")
            at += len(piece)
        if at > start:
            found.append(work._replace(size=at - start, start=start, end=at, line=line))
    return found
