"""Reading a log in a test."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from headstart.audit.importers import Reading, planned
from headstart.audit.importers.work import PART
from headstart.audit.record import Broken, Record


class Read(NamedTuple):
    records: list[Record]
    broken: list[Broken]
    notes: list[str]
    formats: list[str]


def read(*paths: str | Path, format: str | None = None, part: int = PART) -> Read:
    """All of it, in the order of the work."""
    found = Read([], [], [], [])
    for work in planned(paths, format, part):
        reading = Reading(work)
        for item in reading:
            (found.records if isinstance(item, Record) else found.broken).append(item)  # type: ignore[arg-type]
        found.notes.extend(reading.notes)
        found.formats.append(reading.format)
    return found


def written(path: Path, rows: Iterable[Any]) -> Path:
    """One JSON value a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
