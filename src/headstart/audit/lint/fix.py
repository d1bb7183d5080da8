"""Writing safe fixes into files: additions alone, whole or not at all."""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from headstart.audit.lint.finding import Edit, Finding


class CannotWrite(OSError):
    """Why a fixed file could not be written, in one line; it is as it was."""


def fixed(data: bytes, findings: Sequence[Finding]) -> tuple[bytes, int]:
    """The source with all edits that do not meet, and how many findings these were of; the
    rest wait for the next round. What would no longer parse is left as it is."""
    taken: list[Edit] = []
    count = 0
    for finding in findings:
        if finding.edits and not _meets(finding.edits, taken):
            taken += finding.edits
            count += 1
    found = data
    for at, text in sorted(taken, reverse=True):
        found = found[:at] + text + found[at:]
    try:
        ast.parse(found)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return data, 0
    return found, count


def write(path: Path, before: bytes, after: bytes) -> None:
    """Replace a file's content in one step, its mode kept; CannotWrite, also where somebody
    else has changed it since it was read."""
    target = Path(os.path.realpath(path))
    try:
        if target.read_bytes() != before:
            raise CannotWrite("it was changed by someone else meanwhile")
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(after)
                stream.flush()
                os.fsync(stream.fileno())
            shutil.copymode(target, name)
            os.replace(name, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except CannotWrite:
        raise
    except OSError as error:
        raise CannotWrite(error.strerror or str(error)) from None


def _meets(edits: Sequence[Edit], taken: Sequence[Edit]) -> bool:
    """Two edits at one place, or one pair around one end of another."""
    start, end = edits[0].at, edits[-1].at
    return any(start <= other.at <= end for other in taken) or any(
        edit.at == other.at for edit in edits for other in taken
    )
