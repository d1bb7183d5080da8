"""``headstart cache warm``: a file of prompts to a server, with a bar on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from headstart.cli.cache.client import Client
from headstart.cli.failures import fail, tell

BATCH_BYTES = 8 << 20
"""Most of one request: a quarter of what the server takes by default."""

Line = tuple[int, Any]


def warm_file(client: Client, file: Path, options: dict[str, Any], as_json: bool) -> int:
    """How many prompts failed; each is told with its line."""
    lines, broken = _read(file)
    outcomes = [*broken]
    with Progress(
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        bar = progress.add_task("warming", total=len(lines))
        for batch in _batches(lines):
            for outcome in _warm(client, batch, options):
                outcomes.append(outcome)
                progress.advance(bar)
    failed = [outcome for outcome in outcomes if outcome["error"]]
    if as_json:
        typer.echo(json.dumps({"prompts": outcomes, "failed": len(failed)}, indent=1))
        return len(failed)
    for outcome in failed:
        tell(f"{file}:{outcome['line']}: {outcome['error']}")
    tokens = sum(outcome["tokens"] for outcome in outcomes)
    read = sum(outcome["read"] for outcome in outcomes)
    done = len(outcomes) - len(failed)
    typer.echo(f"warmed {done} of {len(outcomes)} prompts: {tokens:,} tokens, {read:,} were there")
    return len(failed)


def _warm(client: Client, batch: list[Line], options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The server counts from 1 within a request: give each outcome its line of the file."""
    numbers = [number for number, _ in batch]
    body = {"prompts": [prompt for _, prompt in batch], **options}
    answered = 0
    for outcome in client.stream("/warm", body):
        if "line" in outcome:
            answered += 1
            yield {**outcome, "line": numbers[outcome["line"] - 1]}
    for number in numbers[answered:]:
        yield _failed(number, "the server stopped before this line")


def _read(file: Path) -> tuple[list[Line], list[dict[str, Any]]]:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"{file}: {error}") from None
    lines: list[Line] = []
    broken = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            lines.append((number, json.loads(line)))
        except ValueError as error:
            broken.append(_failed(number, f"not JSON: {error}"))
    return lines, broken


def _batches(lines: list[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    held = 0
    for line in lines:
        size = len(json.dumps(line[1]))
        if batch and held + size > BATCH_BYTES:
            yield batch
            batch, held = [], 0
        batch.append(line)
        held += size
    if batch:
        yield batch


def _failed(line: int, error: str) -> dict[str, Any]:
    return {"line": line, "tokens": 0, "read": 0, "pinned": False, "error": error}
