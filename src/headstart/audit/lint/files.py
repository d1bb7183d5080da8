"""Which files to lint, what they are, and their bytes; what can't be read is a problem."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, Literal, NamedTuple

from headstart.audit.lint.finding import Problem

Language = Literal["python", "json", "jsonl", "text"]
MOST_BYTES: Final = {"python": 8 << 20, "json": 64 << 20, "jsonl": 512 << 20, "text": 16 << 20}
"""Larger files are refused: they are held in memory, and a syntax tree takes a hundred times
its source's. What longer logs hold is for an audit to say."""
_LANGUAGES: Final[dict[str, Language]] = {
    ".py": "python",
    ".pyi": "python",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    **dict.fromkeys(
        (".txt", ".md", ".jinja", ".jinja2", ".j2", ".tmpl", ".tpl", ".mustache", ".hbs"), "text"
    ),
    **dict.fromkeys((".prompt", ".prompty", ".template"), "text"),
}
_IN_FOLDERS: Final = {"python", "jsonl", "json"}
"""Texts are linted where they are named or look like prompts: most of a folder's are not."""
_SKIPPED: Final = {"__pycache__", "node_modules", "site-packages", "venv", "build", "dist"}
_PROMPT_WORDS: Final = ("prompt", "instruction", "system")
_BINARY: Final = 8192


class File(NamedTuple):
    """One file to lint. ``named`` by the caller rather than found in a folder."""

    path: Path
    language: Language
    named: bool


class Unreadable(Exception):
    """Why a file can't be linted, in one line."""


def gather(paths: Sequence[Path], exclude: Sequence[str]) -> Iterator[File | Problem]:
    """Files as they are given, those of folders in order of their names; each once."""
    seen: set[str] = set()
    for path in paths:
        for found in _below(path, exclude) if path.is_dir() else (_named(path, exclude),):
            if isinstance(found, File):
                real = os.path.realpath(found.path)
                if real in seen:
                    continue
                seen.add(real)
            if found is not None:
                yield found


def read(file: File) -> bytes:
    """The whole file; Unreadable."""
    try:
        size = file.path.stat().st_size
        most = MOST_BYTES[file.language]
        if size > most:
            raise Unreadable(f"{size:,} bytes: larger than {most:,}, the most for {file.language}")
        data = file.path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from None
    check(data)
    return data


def check(data: bytes) -> None:
    """Unreadable for what is no UTF-8 text."""
    if b"\x00" in data[:_BINARY]:
        raise Unreadable("a binary file")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"not UTF-8 text: byte {error.start}, line {line}") from None


def excluded(path: Path, patterns: Sequence[str]) -> bool:
    """Whether a glob pattern is the path, a part of it, or one of its folders."""
    text = path.as_posix()
    return any(
        fnmatch(text, pattern) or fnmatch(text, f"*/{pattern}") or _under(text, pattern)
        for pattern in patterns
    )


def _under(text: str, pattern: str) -> bool:
    folder = pattern.rstrip("/*")
    return bool(folder) and any(
        fnmatch(part, folder) for part in (text, *text.split("/"), *_parents(text))
    )


def _parents(text: str) -> Iterator[str]:
    while "/" in text:
        text = text.rpartition("/")[0]
        yield text


def _named(path: Path, exclude: Sequence[str]) -> File | Problem | None:
    if excluded(path, exclude):
        return None
    if not path.exists():
        return Problem(str(path), None, "no such file")
    if not path.is_file():
        return Problem(str(path), None, "not a regular file")
    return File(path, _language(path), True)


def _language(path: Path) -> Language:
    """By its suffix, Python by its first line as well; anything else is a text."""
    found = _LANGUAGES.get(path.suffix.lower())
    if found is not None:
        return found
    try:
        with path.open("rb") as stream:
            first = stream.readline(256)
    except OSError:
        return "text"
    return "python" if first.startswith(b"#!") and b"python" in first else "text"


def _below(folder: Path, exclude: Sequence[str]) -> Iterator[File | Problem]:
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(
            name
            for name in folders
            if name not in _SKIPPED
            and not name.startswith(".")
            and not excluded(here / name, exclude)
        )
        for name in sorted(names):
            path = here / name
            language = _LANGUAGES.get(path.suffix.lower())
            if language is None or excluded(path, exclude) or not path.is_file():
                continue
            if language in _IN_FOLDERS or _is_prompt(path):
                yield File(path, language, False)


def _is_prompt(path: Path) -> bool:
    name = "/".join(path.parts[-2:]).lower()
    if ".html" in path.name.lower() or path.stem.lower() in ("readme", "changelog", "index"):
        return False
    return path.suffix.lower() not in (".txt", ".md") or any(word in name for word in _PROMPT_WORDS)
