"""Real conversations, as turns that any dialect can carry."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

LEAST_REQUESTS = 4
"""A shorter conversation has no prefix worth losing."""
MOST_REQUESTS = 14
DOCUMENT = (6_000, 14_000)
"""Characters of a system prompt that is cut out of a session, at least and at most."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message. ``call`` is a tool call's name and arguments, ``answers`` a tool's result;
    ``parts`` are the blocks that its text is cut into."""

    role: str
    text: str
    call: tuple[str, str] | None = None
    answers: bool = False
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation: before each answer, what is new since the last one."""

    name: str
    system: str
    turns: tuple[tuple[Said, ...], ...]
    """``turns[i]`` are the messages that request i adds, the model's last answer included."""


def sessions(paths: Sequence[Path], most: int = MOST_REQUESTS) -> list[Session]:
    """Every usable conversation below some files and folders, in order of their names, each
    cut off after so many requests."""
    files = [file for path in paths for file in _files(path)]
    return [found for file in files for found in _read(file, most)]


def documents(paths: Sequence[Path]) -> list[str]:
    """Long real texts, fit to be the system prompt of an app whose sessions have none."""
    least, most = DOCUMENT
    found = {row["input"][:most] for row in _rows(paths) if "input" in row}
    return sorted(text for text in found if len(text) >= least)


def _files(path: Path) -> list[Path]:
    every = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [file for file in every if file.name.endswith((".jsonl", ".jsonl.gz"))]


def _rows(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for file in _files(path):
            yield from _lines(file)


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if file.name.endswith(".gz") else open
    with opened(file, "rb") as stream:
        for line in stream:
            yield msgspec.json.decode(line)


def _read(file: Path, most: int) -> Iterator[Session]:
    chains: dict[str, list[dict[str, Any]]] = {}
    for row in _lines(file):
        if "messages" in row:
            chat = _chat(str(row.get("conversation", file.stem)), row["messages"], most)
            if len(chat.turns) >= LEAST_REQUESTS:
                yield chat
        elif "input" in row:
            chains.setdefault(str(row["session_id"]), []).append(row)
    for name, rows in chains.items():
        grown = _grown(name, sorted(rows, key=lambda row: int(row["timestamp"])), most)
        if len(grown.turns) >= LEAST_REQUESTS:
            yield grown


def _chat(name: str, messages: Sequence[dict[str, Any]], most: int) -> Session:
    system, turns, new = "", [], list[Said]()
    for message in messages:
        role, text = message["role"], message.get("content") or ""
        if role == "system":
            system = text
        elif role == "tool":
            new.append(Said("user", text, answers=True))
        elif role == "user":
            new.append(Said("user", text))
        else:
            turns.append(tuple(new))
            called = (message.get("tool_calls") or [None])[0]
            call = (called["function"]["name"], called["function"]["arguments"]) if called else None
            new = [Said("assistant", text, call)]
    return Session(name, system, tuple(turns[:most]))


def _grown(name: str, rows: Sequence[dict[str, Any]], most: int) -> Session:
    """The requests of which each begins with the one before it."""
    turns, last = [], dict[str, Any]()
    for row in rows:
        text, before = row["input"], last.get("input", "")
        if not last:
            turns.append((Said("user", text),))
        elif len(text) > len(before) + 20 and text.startswith(before) and last["output"].strip():
            answer = Said("assistant", last["output"])
            turns.append((answer, Said("user", text[len(before) :].strip() or "Go on.")))
        else:
            continue
        last = row
    return Session(name, "", tuple(turns[:most]))
