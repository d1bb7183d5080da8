"""From files and folders to traffic: what a file holds is told by its rows."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.replay import claude_code, texts
from benchmarks.replay.calls import Call, Traffic

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")


class TraceError(ValueError):
    """A file is not a trace of any known kind, and which one it is."""


def folders(path: Path) -> list[tuple[str, list[Path]]]:
    """The traces of a folder and those below it, by folder; a file by itself."""
    if not path.is_dir():
        return [(path.name, [path])]
    groups: dict[Path, list[Path]] = {}
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.name.endswith(SUFFIXES) and not file.name.startswith("."):
            groups.setdefault(file.parent, []).append(file)
    return [(folder.name, files) for folder, files in groups.items()]


def traffic(name: str, files: Iterable[Path]) -> Traffic:
    """All of one folder's files as one traffic. TraceError; OSError."""
    rows = [(file, row) for file in files for row in _rows(file)]
    if not rows:
        raise TraceError(f"{name}: no rows")
    kinds = {_kind(file, row) for file, row in rows}
    if len(kinds) > 1:
        raise TraceError(
            f"{name}: traces of several kinds in one folder: {', '.join(sorted(kinds))}"
        )
    kind = kinds.pop()
    try:
        return Traffic(name, kind, _calls(kind, rows))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise TraceError(f"{name}: not a {kind} trace: {error!r}") from error


def _calls(kind: str, rows: list[tuple[Path, Any]]) -> list[Call]:
    if kind == "claude-code":
        return claude_code.sessions(
            [(f"{file.name}:{i}", row) for i, (file, row) in enumerate(rows)]
        )
    only = [row for _, row in rows]
    if kind == "mooncake":
        return texts.mooncake(only)
    return texts.texts(only) if kind == "text" else texts.chats(only)


def _kind(file: Path, row: Any) -> str:
    if isinstance(row, dict):
        for kind, names in (
            ("claude-code", ("requests",)),
            ("mooncake", ("hash_ids", "input_length", "timestamp")),
            ("text", ("input", "timestamp", "session_id")),
            ("chat", ("messages",)),
        ):
            if all(name in row for name in names):
                return kind
    raise TraceError(f"{file}: a row of no known kind")


def _rows(file: Path) -> Iterator[Any]:
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    try:
        if file.name.removesuffix(".gz").endswith(".json"):
            yield msgspec.json.decode(data)
            return
        for line in data.splitlines():
            if line.strip():
                yield msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TraceError(f"{file}: {error}") from None
