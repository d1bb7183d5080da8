"""What there is to read, in pieces that processes can share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from headstart.audit.importers.batches import BatchRequests, BatchResults
from headstart.audit.importers.detection import Look, look
from headstart.audit.importers.kinds import kind_named
from headstart.audit.importers.work import PART, Work, files_of, parts_of


def planned(given: Iterable[str | Path], format: str | None = None, part: int = PART) -> list[Work]:
    """Work for all logs, in the order of the files: big files that can be read in parts come
    in parts of about so many bytes, all others whole; batches' files, joined, come last.
    NoLogs, UnknownFormat."""
    if format is not None:
        kind_named(format)
    found: list[Work] = []
    requests: list[Work] = []
    results: list[Work] = []
    for path in files_of(given):
        work = Work(path, _size(path), format=format)
        looked = _looked(work)
        if looked.kind is BatchRequests:
            requests.append(work)
        elif looked.kind is BatchResults:
            results.append(work)
        else:
            found.extend(_parts(work, part, looked.divisible))
    if requests and results:
        return [*found, _joined(requests, results)]
    return [*found, *(piece for work in (*requests, *results) for piece in _parts(work, part))]


def _joined(requests: list[Work], results: list[Work]) -> Work:
    sizes = [work.size for work in (*requests, *results) if work.size is not None]
    return requests[0]._replace(
        size=sum(sizes),
        more=tuple(work.path for work in requests[1:]),
        results=tuple(work.path for work in results),
    )


def _looked(work: Work) -> Look:
    if work.size is None:
        return Look(None, False)
    try:
        return look(work)
    except OSError:
        return Look(None, False)  # whoever reads it will say so


def _parts(work: Work, part: int, divisible: bool | None = None) -> list[Work]:
    if work.size is None or work.size <= part:
        return [work]
    if not (_looked(work).divisible if divisible is None else divisible):
        return [work]
    try:
        return parts_of(work, part)
    except OSError:
        return [work]


def _size(path: str) -> int | None:
    try:
        return os.path.getsize(path) if os.path.isfile(path) else None
    except OSError:
        return None
