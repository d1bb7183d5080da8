"""What there is to read, in pieces that processes can share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from headstart.audit.importers.detection import divisible
from headstart.audit.importers.kinds import kind_named
from headstart.audit.importers.work import PART, Work, files_of, parts_of


def planned(given: Iterable[str | Path], format: str | None = None, part: int = PART) -> list[Work]:
    """Work for all logs, in the order of the files: big files that can be read in parts come
    in parts of about so many bytes, all others whole. NoLogs, UnknownFormat."""
    if format is not None:
        kind_named(format)
    found: list[Work] = []
    for path in files_of(given):
        work = Work(path, _size(path), format=format)
        found.extend(_parts(work, part))
    return found


def _parts(work: Work, part: int) -> list[Work]:
    if work.size is None or work.size <= part:
        return [work]
    try:
        return parts_of(work, part) if divisible(work) else [work]
    except OSError:
        return [work]  # whoever reads it will say so


def _size(path: str) -> int | None:
    try:
        return os.path.getsize(path) if os.path.isfile(path) else None
    except OSError:
        return None
