"""Request bodies out of files; what is no request ends the command with one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from headstart.cli.failures import fail
from headstart.dialects import COMPATIBLE, DialectError, Hosted, OpenAIChat
from headstart.explain import Undetected, detect, dialect_named
from headstart.prompt import Prompt

_BY_LINE = (".jsonl", ".ndjson")


class Body(NamedTuple):
    """One request. ``name`` says where it was."""

    name: str
    dialect: str
    prompt: Prompt


def read_bodies(
    paths: Sequence[Path], dialect: str | None, provider: str | None, model: str | None
) -> list[Body]:
    """All of them, in order; of a file given twice, twice."""
    try:
        said = dialect_named(dialect) if dialect else None
    except ValueError as error:
        raise fail(f"--dialect: {error}") from None
    found = [
        _body(name, content, said, provider, model)
        for path in paths
        for name, content in _contents(path, alone=len(paths) == 1)
    ]
    count: dict[str, int] = {}
    for at, body in enumerate(found):
        again = count[body.name] = count.get(body.name, 0) + 1
        if again > 1:
            found[at] = body._replace(name=f"{body.name} ({again})")
    return found


def _contents(path: Path, alone: bool) -> Iterator[tuple[str, bytes]]:
    """Names and bytes; lines go by their numbers, with the file's name if there are others."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise fail(f"{path}: {error.strerror or error}") from None
    if not _is_by_line(path, data):
        yield str(path), data
        return
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            yield f"line {number}" if alone else f"{path.name}:{number}", line


def _is_by_line(path: Path, data: bytes) -> bool:
    """By its name, or since its first line is a whole JSON object and not the last line."""
    if path.suffix in _BY_LINE:
        return True
    first, _, rest = data.strip().partition(b"\n")
    if not rest or not first.rstrip().endswith(b"}"):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _body(
    name: str, content: bytes, said: Hosted | None, provider: str | None, model: str | None
) -> Body:
    try:
        hosted = said or _detected(content, provider, model)
        prompt = hosted.read(content, model=model).prompt
    except Undetected as error:
        raise fail(f"{name}: {error}") from None
    except DialectError as error:
        if error.param == "model":
            raise fail(f"{name}: the body names no model: give --model") from None
        where = f"{error.param}: " if error.param and error.param not in error.message else ""
        kind = "" if said else f" (taken for {hosted.name}; --dialect to say otherwise)"
        raise fail(f"{name}: {where}{error.message}{kind}") from None
    if not prompt.model:
        raise fail(f"{name}: the body names no model: give --model")
    return Body(name, hosted.name, replace(prompt, model=model or prompt.model))


def _detected(content: bytes, provider: str | None, model: str | None) -> Hosted:
    """What many speak in much the same way, each provider reads in its own."""
    found = detect(content, model)
    chat = isinstance(found, OpenAIChat) and provider in COMPATIBLE
    return COMPATIBLE[provider] if chat and provider else found
