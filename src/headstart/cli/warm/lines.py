"""A file's lines to the gateway one after the other, with a bar on the way."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from headstart.cli.failures import tell
from headstart.cli.warm.bodies import Priming, Target, Unfit, priming
from headstart.cli.warm.sending import Refused, Sender
from headstart.pricing import Pricer
from headstart.usage import Usage


class _Sums:
    """What has been done so far."""

    def __init__(self) -> None:
        self.lines = 0
        self.done = 0
        self.usage = Usage()
        self.cost = 0.0
        self.unpriced: set[str] = set()

    def add(self, sent: Priming, usage: Usage) -> None:
        self.usage += usage
        cost = _pricer(sent.provider, sent.model).cost(usage)
        if cost is None:
            self.unpriced.add(sent.model)
        self.cost += cost or 0.0

    def __str__(self) -> str:
        usage = self.usage
        text = (
            f"warmed {self.done} of {self.lines} prompts: {usage.written:,} tokens written,"
            f" {usage.read:,} were there, {usage.output:,} of output, ${self.cost:.4f}"
        )
        unknown = ", ".join(sorted(self.unpriced))
        return f"{text} (no price known: {unknown})" if unknown else text


def warm_lines(file: Path, target: Target, sender: Sender) -> bool:
    """Whether all lines were written; each that was not is told with its number. OSError,
    Unreachable."""
    sums = _Sums()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with file.open("rb") as lines:
        try:
            with bar:
                task = bar.add_task("warming", total=file.stat().st_size)
                for number, line in enumerate(lines, start=1):
                    problem = _warmed(line, target, sender, sums)
                    if problem is not None:
                        tell(f"{file}:{number}: {problem}")
                    bar.update(task, advance=len(line), description=f"warming line {number}")
        finally:
            # What an interrupted run has written is told, too: it is paid for.
            typer.echo(str(sums))
    return sums.done == sums.lines


def _warmed(line: bytes, target: Target, sender: Sender, sums: _Sums) -> str | None:
    """What went wrong with a line; an empty one is none."""
    if not line.strip():
        return None
    sums.lines += 1
    try:
        sent = priming(line.strip(), target)
        usage = sender.send(sent)
    except (Unfit, Refused) as error:
        return str(error)
    if usage is None:
        return "its answer does not say what was written"
    sums.add(sent, usage)
    if sent.marked and not usage.written and not usage.read:
        return "nothing was written: too short for the cache, or the route is in mode own"
    sums.done += 1
    return None


@cache
def _pricer(provider: str, model: str) -> Pricer:
    return Pricer(provider, model)
